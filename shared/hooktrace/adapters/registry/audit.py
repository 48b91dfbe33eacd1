"""The audit trail in the registry table: PK `AUDIT#<project>`, SK the record's ULID."""

from __future__ import annotations

from dataclasses import dataclass

from hooktrace.adapters.registry.commit import Committer
from hooktrace.adapters.registry.items import fields_of, to_item
from hooktrace.adapters.registry.table import Item, Put, RegistryTable
from hooktrace.domain.audit import RETENTION_SECONDS, AuditRecord
from hooktrace.domain.ids import bare


@dataclass(frozen=True, slots=True)
class RegistryAudit:
    """Fulfils `AuditStore`."""

    table: RegistryTable
    committer: Committer

    def put_audit(self, record: AuditRecord) -> None:
        self.committer.run([Put(_item(record))])

    def read_audit(
        self, project_id: str, low: str, high: str, *, limit: int, descending: bool
    ) -> list[AuditRecord]:
        pk = f"AUDIT#{project_id}"
        items = self.table.query(pk, low, high, limit=limit, descending=descending)
        return [_record(item) for item in items]


def _item(record: AuditRecord) -> Item:
    fields = {
        "at_ms": record.at_ms,
        "key_id": record.key_id,
        "action": record.action,
        "request_id": record.request_id,
        "source_ip": record.source_ip,
        "target": record.target,
        "members": record.members or None,
        "status": record.status,
        "x": record.at_ms // 1000 + RETENTION_SECONDS,
    }
    return to_item((f"AUDIT#{record.project_id}", bare(record.id)), fields)


def _record(item: Item) -> AuditRecord:
    fields = fields_of(item)
    del fields["x"]
    return AuditRecord(
        id=f"aud_{item['SK']['S']}", project_id=item["PK"]["S"].partition("#")[2], **fields
    )

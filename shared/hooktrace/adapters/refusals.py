"""What a foreign error may say in our own words: its code and its operation, never its text.

The text of a service's error may quote what was asked of it: values of items, bodies, names. Our
errors are logged, and a log line holds none of these.
"""

from __future__ import annotations

import re

from botocore.exceptions import ClientError

_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")


def named(error: Exception) -> str:
    """As `ThrottlingException at PutItem`; an error without a code is named by its type."""
    if not isinstance(error, ClientError):
        return type(error).__name__
    code = error.response.get("Error", {}).get("Code", "")
    known = code if _CODE.fullmatch(code) else type(error).__name__
    return f"{known} at {error.operation_name}"

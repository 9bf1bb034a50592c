"""What webhooks are told of logins that looked strange (docs/logins.md).

Must never: tell more than the alarm itself says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from pillarbox.auth.alarms import Alarm
from pillarbox.push.happening import Kind
from pillarbox.push.journal import Letter


def alarm_letters(alarms: Sequence[Alarm], accounts: Sequence[str]) -> list[Letter]:
    """The alarms about these login names, or all of them when none are named."""
    return [_letter(alarm) for alarm in alarms if not accounts or alarm.name in accounts]


def _letter(alarm: Alarm) -> Letter:
    key = f"alarm-{alarm.number}"
    document = {
        "event": Kind.LOGIN_ALARM.value,
        "id": key,
        "account": alarm.name,
        "alarm": alarm.kind.value,
        "number": alarm.number,
        "address": alarm.address,
        "client": alarm.client,
        "why": alarm.why,
        "seconds": alarm.seconds,
    }
    return Letter(Kind.LOGIN_ALARM.value, key, json.dumps(document).encode())

"""Programs that work on arriving mail, on any IMAPS server: `pillarbox watch`, and this API.

    from pillarbox.automation import Message, Watcher, watch

    async def handle(message: Message) -> None:
        print(message.parsed()["Subject"])

    job = watch("imaps://alice@mail.example.org", "her password", handle, then="move:Done")
    asyncio.run(Watcher([job], "watch.db").run())

`verify_signature` is for those who receive webhooks (docs/automation.md).
"""

from pillarbox.automation.actions import Action, ActionInvalid
from pillarbox.automation.connection import Lost, Refused
from pillarbox.automation.handlers import Command, HandlerFailed
from pillarbox.automation.message import Message
from pillarbox.automation.metrics import Metrics
from pillarbox.automation.plan import Job, watch
from pillarbox.automation.watcher import Watcher
from pillarbox.push.signature import SignatureInvalid, verify_signature

__all__ = [
    "Action",
    "ActionInvalid",
    "Command",
    "HandlerFailed",
    "Job",
    "Lost",
    "Message",
    "Metrics",
    "Refused",
    "SignatureInvalid",
    "Watcher",
    "verify_signature",
    "watch",
]

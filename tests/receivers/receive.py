"""Receives what image-watcher sent with the libraries that receivers use, and signs as Slack does.

One request as JSON on standard input, one answer as JSON on standard output. What a library does not take ends this with its
error, and a status other than 0.
"""

import json
import sys

import apprise
from apprise.decorators import notify
from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from slack_sdk.signature import SignatureVerifier
from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def verifies(secret, headers, body):
    """Whether a Standard Webhooks receiver with this secret takes it."""
    try:
        Webhook(secret).verify(body.encode(), headers)
    except WebhookVerificationError:
        return False
    return True


def standard(case):
    headers, body = case["headers"], case["body"]
    later = str(int(headers["webhook-timestamp"]) + 1)
    altered = [
        (headers, body + " "),
        ({**headers, "webhook-id": headers["webhook-id"] + "x"}, body),
        ({**headers, "webhook-timestamp": later}, body),
    ]
    return {
        "taken": [verifies(secret, headers, body) for secret in case["secrets"]],
        "altered": [verifies(secret, *one) for secret in case["secrets"] for one in altered],
    }


def cloudevent(case):
    message = HTTPMessage(headers=case["headers"], body=case["body"].encode())
    event = from_structured(message, JSONFormat())
    return {
        "id": event.get_id(),
        "type": event.get_type(),
        "source": event.get_source(),
        "subject": event.get_subject(),
        "time": event.get_time().isoformat(),
        "data": event.get_data(),
    }


def slack(case):
    verifier = SignatureVerifier(case["secret"])
    time, body = case["time"], case["body"]
    return {
        "signature": verifier.generate_signature(timestamp=time, body=body),
        "valid": verifier.is_valid(body=body, timestamp=time, signature=case["signature"]),
    }


def through_apprise(case):
    """What a service behind Apprise's API is told: the API gives the fields of the request to this very library."""
    told = []

    @notify(on="kept")
    def kept(body, title, notify_type, *_args, **_more):
        told.append({"title": title, "body": body, "type": str(getattr(notify_type, "value", notify_type))})

    request = json.loads(case["body"])
    assert set(request) <= {"title", "body", "type", "format", "tag"}, sorted(request)
    all_of_them = apprise.Apprise()
    assert all_of_them.add("kept://", tag=request["tag"])
    sent = all_of_them.notify(
        body=request["body"],
        title=request["title"],
        notify_type=request["type"],
        body_format=request["format"],
        tag=request["tag"],
    )
    return {"sent": bool(sent), "told": told}


KINDS = {"standard": standard, "cloudevent": cloudevent, "slack": slack, "apprise": through_apprise}
case = json.load(sys.stdin)
json.dump(KINDS[case["kind"]](case), sys.stdout)

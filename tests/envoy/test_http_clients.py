"""Real publishers over HTTP, unchanged: the SDK of CloudEvents with `requests`, and Pub/Sub's client over REST."""

import functools
import uuid

import pytest
import requests
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from google.api_core import exceptions
from google.auth.credentials import Credentials
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports.rest import PublisherRestInterceptor, PublisherRestTransport

from conftest import HOLDS, bearer, recording_at_once, reference_policy
from upstream import Upstream

TIMEOUT = 15


@pytest.fixture(scope="module")
def pubsub_upstream():
    with_end = Upstream(answer=b'{"messageIds":["1"]}')
    yield with_end
    with_end.close()


@pytest.fixture(scope="module")
def proxies(start, sink, pubsub_upstream):
    return {hold: start(recording_at_once(reference_policy()), hold=hold, logs=sink, upstream=pubsub_upstream) for hold in HOLDS}


def by_the_sdk(binding, datacontenttype, proxy, headers, event_type):
    """An event of the CloudEvents SDK, sent as its documentation has it. In binary mode without `datacontenttype` there is no content
    type at all."""
    attributes = {"type": event_type, "source": "/shop/cart", **({"datacontenttype": datacontenttype} if datacontenttype else {})}
    message = binding(CloudEvent(attributes, {"quantity": 1}))
    response = requests.post(f"http://127.0.0.1:{proxy.port}/events/carts", message.body, headers={**message.headers, **headers}, timeout=TIMEOUT)
    return response.status_code, response.content


class Token(Credentials):
    """Of Google's library: told a token, and asked for a new one by each 401."""

    def __init__(self, value):
        super().__init__()
        self.token = value

    def refresh(self, request):
        pass

    def apply(self, headers, token=None):
        if self.token:
            super().apply(headers)


class WithId(PublisherRestInterceptor):
    """Pub/Sub's own place for what a call is to carry besides."""

    def __init__(self, request_id):
        self.request_id = request_id

    def pre_publish(self, request, metadata):
        return request, [*metadata, ("x-request-id", self.request_id)]


def by_pubsubs_client(proxy, headers, event_type):
    credentials = Token(headers.get("authorization", "").removeprefix("Bearer "))
    transport = PublisherRestTransport(
        host=f"127.0.0.1:{proxy.port}", credentials=credentials, url_scheme="http", interceptor=WithId(headers["x-request-id"]))
    message = {"data": b"{}", "attributes": {"eventType": event_type, "eventId": "1"}}
    try:
        PublisherClient(transport=transport).publish(topic="projects/shop/topics/carts", messages=[message], retry=None, timeout=TIMEOUT)
    except exceptions.GoogleAPICallError as error:
        return error.code, error.response.content
    finally:
        transport.close()
    return 200, b""


PUBLISHERS = {
    "cloudevents-binary": functools.partial(by_the_sdk, to_binary_event, None),
    "cloudevents-binary-json": functools.partial(by_the_sdk, to_binary_event, "application/json"),
    "cloudevents-structured": functools.partial(by_the_sdk, to_structured_event, "application/json"),
    "pubsub-rest": by_pubsubs_client,
}

FATES = {
    "admitted": ([bearer()], "com.shop.cart.ItemAdded", 200, None),
    "refused-for-its-type": ([bearer()], "com.shop.unknown", 403, "rule.unknown-type"),
    "refused-for-its-publisher": ([bearer()], "ItemAddedToCart", 403, "rule.publisher"),
    "refused-for-want-of-a-signature": ([bearer("shipping-service")], "OrderItemShipped", 401, "signature.missing"),
    "refused-for-want-of-a-token": ([], "com.shop.cart.ItemAdded", 401, "token.missing"),
}


@pytest.mark.parametrize("token, event_type, status, code", FATES.values(), ids=FATES.keys())
def test_an_event_of_a_real_client_meets_its_fate(proxy, pubsub_upstream, sink, token, event_type, status, code):
    calls = {str(uuid.uuid4()): publish for publish in PUBLISHERS.values()}
    for request_id, publish in calls.items():
        found, content = publish(proxy, {"x-request-id": request_id, **dict(token)}, event_type)
        assert found == status, content
        if code:
            assert f'"code":"{code}"'.encode() in content
            assert pubsub_upstream.saw_nothing_of(request_id)
        else:
            seen = pubsub_upstream.one(request_id)
            assert (seen.header("authorization"), seen.header("x-eventguard-publisher")) == ([], ["shop/cart-service"])
    for request_id, publish in calls.items():
        # Google's library tries a 401 twice again, with a token that it was given anew.
        for record in sink.wait(request_id, 3 if status == 401 and publish is by_pubsubs_client else 1):
            assert (record["verdict"], record.get("code")) == ("refuse" if code else "admit", code)

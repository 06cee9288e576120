"""Callers that say of themselves what Envoy and others may read otherwise: whatever they speak, a refusal must not look like success."""

import pytest

import clients
from conftest import assert_refused, publish

CALLERS = {
    "grpc": "application/grpc",
    "grpc-with-a-form": "application/grpc+proto",
    "grpc-web": "application/grpc-web",
    "grpc-web-with-a-form": "application/grpc-web+proto",
    "grpc-web-in-text": "application/grpc-web-text",
}
# Envoy knows gRPC by its name in lower case only, and answers all else in HTTP.
OTHERS = {"grpc-in-another-case": "Application/GRPC", "what-only-begins-alike": "application/grpcx"}


@pytest.fixture(params=["/events/carts", "/shop.v1.Events/Publish"], ids=["http-route", "grpc-route"])
def path(request):
    return request.param


@pytest.mark.parametrize("content_type", CALLERS.values(), ids=CALLERS.keys())
def test_a_caller_of_grpc_is_told_a_status_of_grpc(proxy, upstream, path, content_type):
    call = publish(proxy, clients.H2, path=path, headers=[("content-type", content_type)])
    answer = call.response
    assert answer.header("grpc-status") in ("3", "16"), answer
    assert (answer.header("content-type") or "").startswith(content_type.partition("+")[0]), answer
    assert upstream.saw_nothing_of(call.id)


@pytest.mark.parametrize("content_type", OTHERS.values(), ids=OTHERS.keys())
def test_a_caller_that_envoy_answers_in_http_is_told_a_status_of_http(proxy, upstream, path, content_type):
    call = publish(proxy, clients.H2, path=path, headers=[("content-type", content_type)])
    assert call.response.status in (401, 415), call.response
    assert_refused(call, upstream, call.response.problem["code"], call.response.status)

"""The messages of proto/, compiled by protoc as a user's would be, and the descriptors that a policy holds of them."""

import base64
import pathlib
import tempfile

import grpc_tools
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

HERE = pathlib.Path(__file__).resolve().parent / "proto"


def _compiled(file):
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory) / "set"
        known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
        assert protoc.main(["protoc", f"-I{HERE}", f"-I{known}", "--include_imports", f"--descriptor_set_out={out}", file]) == 0
        return out.read_bytes()


_SET = _compiled("shop.proto")
_POOL = descriptor_pool.DescriptorPool()
for _file in {file.name: file for set in (_SET, _compiled("rls.proto"), _compiled("als.proto")) for file in descriptor_pb2.FileDescriptorSet.FromString(set).file}.values():
    _POOL.Add(_file)

DESCRIPTORS = base64.b64encode(_SET).decode()


def message(name):
    """The class of the message of this full name."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(name))


CloudEvent, CloudEventBatch = message("io.cloudevents.v1.CloudEvent"), message("io.cloudevents.v1.CloudEventBatch")
PublishRequest, Receipt = message("shop.v1.PublishRequest"), message("shop.v1.Receipt")

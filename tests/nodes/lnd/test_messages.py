"""Decoder of lnd's messages, and its requirements."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import resources

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from chanfitness import PeerOnlineEvent, Vertex
from chanfitness.nodes.lnd import messages as lnd_messages

from ...support.fake_lnd import message, online
from ...support.stores import WAIT
from ...support.values import ALICE

PROTO = resources.files("chanfitness.nodes.lnd").joinpath("lnd.proto").read_text("utf-8")


def test_every_line_of_the_proto_file_is_parsed() -> None:
    (declared,) = re.findall(r"package (.*);", PROTO)
    code = re.sub(r"//.*", "", PROTO)
    statements = ['syntax = "proto3"', f"package {declared}"]
    for name, kind in lnd_messages.MESSAGES.items():
        assert kind.DESCRIPTOR.full_name == f"{declared}.{name}"
        statements.append(f"message {name}")
        statements += [statement(field) for field in field_protos(kind)]
    found = [each.strip() for each in re.split("[;{}]", code)]
    assert sorted(filter(None, found)) == sorted(statements)


def field_protos(kind: type) -> list[descriptor_pb2.FieldDescriptorProto]:
    proto = descriptor_pb2.DescriptorProto()
    kind.DESCRIPTOR.CopyToProto(proto)  # type: ignore[attr-defined]
    return list(proto.field)


def statement(field: descriptor_pb2.FieldDescriptorProto) -> str:
    kind = descriptor_pb2.FieldDescriptorProto
    types = {
        kind.TYPE_BOOL: "bool",
        kind.TYPE_BYTES: "bytes",
        kind.TYPE_INT32: "int32",
        kind.TYPE_INT64: "int64",
        kind.TYPE_UINT32: "uint32",
        kind.TYPE_UINT64: "uint64",
    }
    name = types.get(field.type) or field.type_name.rpartition(".")[2]
    repeated = "repeated " if field.label == kind.LABEL_REPEATED else ""
    return f"{repeated}{name} {field.name} = {field.number}"


def test_lnds_own_messages_can_be_registered_beside_ours() -> None:
    """lnd's full messages may be registered later, under any name."""
    file = lnd_messages.describe(PROTO)
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindFileByName(file.name)
    for package in (file.package, "lnrpc"):
        theirs = descriptor_pb2.FileDescriptorProto(name=f"{package}.full.proto", package=package)
        theirs.message_type.add(name="Peer")
        descriptor_pool.Default().AddSerializedFile(theirs.SerializeToString())
    assert lnd_messages.peer_events(online(ALICE)) == [PeerOnlineEvent(ALICE)]


def test_a_key_may_be_in_either_case() -> None:
    key = "02" + "ab" * 32
    expected = [PeerOnlineEvent(Vertex.parse(key))]
    for text in (key, key.upper()):
        assert lnd_messages.peer_events(message((1, text))) == expected


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=WAIT, check=False
    )


@pytest.mark.parametrize("missing", ["h2", "google.protobuf"])
def test_without_the_extra_the_error_says_how_to_install_it(missing: str) -> None:
    ended = run(f"import sys; sys.modules[{missing!r}] = None; import chanfitness.nodes.lnd")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"ModuleNotFoundError: {missing} is not installed: pip install 'chanfitness[lnd]'"
    )


def test_chanfitness_itself_needs_no_extra() -> None:
    script = "import sys, chanfitness; print({'h2', 'google.protobuf'} & set(sys.modules))"
    assert run(script).stdout == "set()\n"

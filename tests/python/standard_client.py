"""A client that knows nothing but an address: it learns the services by reflection.

Puts, gets, scans, splits a route, moves half of the keys to another group and follows the job to its end.

    pip install grpcio grpcio-reflection
    python3 standard_client.py 127.0.0.1:7001 [admin-token]

Exits with 0 if everything that it did had the effect that it should have.
"""

import sys
import time

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

TIMEOUT_S = 20
JOB_S = 120
ROWS = 50


class Services:
    """Calls methods by name, with messages made from what reflection tells."""

    def __init__(self, channel, token):
        self.channel = channel
        self.pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        self.metadata = [("authorization", f"Bearer {token}")] if token else []

    def call(self, method, **fields):
        """Asks a unary method, named as in `RawKV.RawPut`."""
        service, name = method.split(".")
        described = self.pool.FindServiceByName(service).FindMethodByName(name)
        request = GetMessageClass(described.input_type)(**fields)
        ask = self.channel.unary_unary(
            f"/{service}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(described.output_type).FromString,
        )
        return ask(request, timeout=TIMEOUT_S, metadata=self.metadata)

    def enum(self, name):
        """The names of an enum's numbers."""
        return {number: value.name for number, value in self.pool.FindEnumTypeByName(name).values_by_number.items()}


def check(holds, what):
    """Ends the run if something isn't as it should be."""
    if not holds:
        sys.exit(f"FAILED: {what}")


def write_and_read(services):
    for number in range(ROWS):
        key = f"{'a' if number % 2 == 0 else 'z'}{number:03}".encode()
        put = services.call("RawKV.RawPut", key=key, value=f"value {number}".encode())
        check(put.commit_ts > 0, f"the put of {key} has a timestamp")
    seen = services.call("RawKV.RawGet", key=b"a000")
    check(seen.exists and seen.value == b"value 0", f"the value comes back: {seen}")
    check(not services.call("RawKV.RawGet", key=b"nothing").exists, "a key that was never written has no value")


def scan(services):
    """All keys, page by page, at the timestamp of the first page."""
    keys, start, ts = [], b"", 0
    while True:
        page = services.call("RawKV.RawScanAt", start_key=start, limit=20, ts=ts, keys_only=True)
        keys += [pair.key for pair in page.kv]
        if not page.HasField("next_key"):
            return keys
        start, ts = page.next_key, page.read_ts


def split(services, at):
    routes = services.call("Distribution.ListRoutes")
    last = routes.routes[-1]
    done = services.call(
        "Distribution.SplitRange",
        expected_catalog_version=routes.catalog_version,
        route_id=last.route_id,
        split_key=at,
    )
    check(done.left.end == at and done.right.start == at, f"the parts meet at the key: {done}")
    return done.right


def start(services, route, target):
    """Starts the job. A node that has just come up isn't known to be capable at once."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            return services.call(
                "Distribution.StartSplitMigration",
                route_id=route.route_id,
                split_key=route.start,
                target_group_id=target,
                options={"chunk_rows": "8"},
            ).job_id
        except grpc.RpcError as error:
            is_early = error.code() in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.UNAVAILABLE)
            check(is_early and time.monotonic() < deadline, f"the job can be started: {error.details()}")
            time.sleep(0.2)


def follow(services, job_id):
    """Prints each phase once, until the job has ended."""
    names, seen, deadline = services.enum("SplitJobPhase"), [], time.monotonic() + JOB_S
    while time.monotonic() < deadline:
        phase = names[services.call("Distribution.GetSplitJob", job_id=job_id).job.phase]
        phase = phase.removeprefix("SPLIT_JOB_PHASE_")
        if phase not in seen:
            seen.append(phase)
            print(f"job {job_id}: {phase}", flush=True)
        if phase in ("DONE", "FAILED", "ABANDONED"):
            return phase
        time.sleep(0.02)
    return f"still {seen[-1]} after {JOB_S} s"


def main():
    address, token = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    with grpc.insecure_channel(address) as channel:
        services = Services(channel, token)
        write_and_read(services)
        before = scan(services)
        check(len(before) >= ROWS and before == sorted(before), "the scan has all rows, in order")
        right = split(services, b"m")
        groups = {group.group_id for group in services.call("Admin.ClusterStatus").groups if group.group_id != 0}
        target = min(groups - {right.raft_group_id})
        end = follow(services, start(services, right, target))
        check(end == "DONE", f"the job is done: {end}")
        owner = services.call("Distribution.GetRouteOwnership", key=b"z001")
        check(owner.route.raft_group_id == target, f"the range belongs to group {target}: {owner}")
        check(scan(services) == before, "no row was lost, and none came")
        put = services.call("RawKV.RawPut", key=b"z001", value=b"after")
        check(services.call("RawKV.RawGet", key=b"z001").commit_ts == put.commit_ts, "the moved range takes writes")
    print("ok")


if __name__ == "__main__":
    main()

"""A cluster of one node that answers Ray Client; run by `test_ray_client`.

It prints the address as soon as it answers, and ends when its input is closed.
"""

import os
import socket
import sys

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

from ray.cluster_utils import Cluster


def free_port() -> int:
    """Returns a port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def main() -> None:
    """Starts, says where, waits, stops."""
    port = free_port()
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 2,
            "include_dashboard": False,
            "object_store_memory": 80 * 2**20,
            "ray_client_server_port": port,
        },
    )
    print(f"ray://127.0.0.1:{port}", flush=True)
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main()

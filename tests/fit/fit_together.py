"""Fits of fit_and_die.py by several processes that train one model; test_processes.py runs it.

    python fit_together.py < starts.jsonl

Each line is {"folder": …, "processes": 2, "kind": "Pod", "batch": 6, "kill": [RANK, EVENT]}. The processes are children of this
one, which has imported everything; when one of them ends badly the others are ended, as torchrun does. Prints a list of their
exit statuses.
"""

import importlib
import json
import os
import signal
import socket
import sys
import traceback

import torch
from fit_and_die import Pod, start
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss


class Plain(Pod):
    """Nothing that depends on how the items are split into batches but the mean over them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 16, 3))
        self.head, self.side = nn.Linear(16, 4), nn.Linear(16, 1)

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        features = self.stem(batch["image"] / 255).mean((-2, -1))
        aside = mse_loss(self.side(features).flatten(), batch["light"])
        return {"whale": cross_entropy(self.head(features), batch["whale"]), "light": 0.1 * aside}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def child(rank: int, port: int, order: dict) -> int:
    """Fork; returns the child's process id."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        count = order["processes"]
        if count > 1:
            about = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count, "MASTER_PORT": port}
            os.environ |= {key: str(value) for key, value in about.items()} | {"MASTER_ADDR": "127.0.0.1"}
        victim, event = order.get("kill", [rank, 0])
        kind = {"Pod": Pod, "Plain": Plain}[order.get("kind", "Pod")]
        start(order["folder"], "no", 0.0, event if victim == rank else 0, kind, 24, order["batch"])
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def main() -> None:
    torch.set_num_threads(1)
    importlib.import_module("torch._dynamo")
    for line in sys.stdin:
        order, port = json.loads(line), free_port()
        ranks = {child(rank, port, order): rank for rank in range(order["processes"])}
        ended: dict[int, int] = {}
        while len(ended) < len(ranks):
            process, status = os.wait()
            ended[process] = os.waitstatus_to_exitcode(status)
            if ended[process]:
                for other in ranks.keys() - ended.keys():
                    os.kill(other, signal.SIGTERM)
        print(json.dumps([ended[process] for process in ranks]), flush=True)


if __name__ == "__main__":
    main()

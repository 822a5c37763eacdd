"""The embedded broker alone, and records as no client of ours would write them."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from deploy.local.kafka.broker import prepare_kafka
from deploy.local.ports import LOOPBACK, free_ports
from deploy.local.readiness import kafka_not_ready
from deploy.local.settings import read_settings

_READY_WITHIN_S = 60.0


class Kafka:
    """A broker that can be stopped, frozen and started."""

    def __init__(self, folder: Path) -> None:
        port, controller_port = free_ports(2, set())
        environment = dict(os.environ)
        cache = read_settings(environment).cache
        self._command = prepare_kafka(folder, cache, port, controller_port, environment)
        self._process: subprocess.Popen[bytes] | None = None
        self.servers = f"{LOOPBACK}:{port}"

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + _READY_WITHIN_S
        while (reason := kafka_not_ready(self.servers)) is not None:
            if time.monotonic() > deadline:
                raise TimeoutError(reason)
            time.sleep(0.1)

    def _signal(self, what: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(what)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It stands still: where the disk is slow, some of its threads go on for a while after the signal."""
        self._signal(signal.SIGSTOP)
        try:
            while self._process is not None and not _stands_still(self._process.pid):
                time.sleep(0.01)
            yield
        finally:
            self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()


def _stands_still(pid: int) -> bool:
    threads = Path("/proc", str(pid), "task")
    if not threads.is_dir():  # not on Linux
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    return all(psutil.Process(int(thread.name)).status() == psutil.STATUS_STOPPED for thread in threads.iterdir())


@contextmanager
def running_kafka(folder: Path) -> Iterator[Kafka]:
    kafka = Kafka(folder)
    try:
        kafka.start()
        yield kafka
    finally:
        kafka.kill()


Change = Callable[[bytes], bytes]


async def send_changed(
    producer: AIOKafkaProducer, topic: str, value: bytes, headers: list[tuple[str, bytes]], change: Change
) -> None:
    """A batch of one record, changed after it was written; its checksum is right again."""
    batch = producer.create_batch()
    batch.append(timestamp=None, key=b"key", value=value, headers=headers)
    raw = change(bytes(batch._build()))
    batch._buffer = raw[:17] + int(calc_crc32c(raw[21:])).to_bytes(4, "big") + raw[21:]
    await (await producer.send_batch(batch, topic, partition=0))

"""Run by TensorZero's own Python: `tensorzero_gateway.py CONFIGURATION POSTGRES_URL FILE` serves, and writes its origin
into the file."""

import importlib
import sys
import time
from pathlib import Path


def main() -> None:
    configuration, postgres_url, told = sys.argv[1:]
    core = importlib.import_module("tensorzero.tensorzero")
    gateway = core._start_http_gateway(
        config_file=configuration, clickhouse_url=None, postgres_url=postgres_url, valkey_url=None, async_setup=False
    )
    partial = Path(f"{told}.partial")
    partial.write_text(gateway.base_url)
    partial.rename(told)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()

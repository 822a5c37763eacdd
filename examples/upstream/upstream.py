"""An upstream service, with aiokafka only: publishes requests to an ingress topic, and takes the answers on a topic of
its own. Nothing of Tallygate is imported; what it relies on is in docs/upstream.md.

    python upstream.py --topic acme.requests --replies replies.acme "Say hello." "And again."

With --key FILE (made by `tallygate reply-keys new`) and --key-id, answers come sealed for that key; opening them needs
the package cryptography.
"""

import argparse
import asyncio
import base64
import json
import os
import secrets
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

REQUESTED = b"tallygate.inference.requested.v1"


def uuid7() -> str:
    """From Python 3.14 on: uuid.uuid7()."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    return str(uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62))


def request(question: str, args: argparse.Namespace) -> dict[str, Any]:
    """A new id for each request, kept with it: published again under the same id it is the same inference."""
    made = {
        "inference_id": uuid7(),
        "input": {"messages": [{"role": "user", "content": question}]},
        "request_model": args.model,
        "reply_topic": args.replies,
        "tenant_id": args.tenant,
        "reply_key_id": args.key_id,
    }
    return {name: value for name, value in made.items() if value is not None}


def opened(reply: dict[str, Any], key_file: str | None) -> dict[str, Any]:
    """The answer, in clear."""
    if reply.get("sealed_body") is None:
        body: dict[str, Any] = reply["body"]
        return body
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

    if key_file is None:
        raise SystemExit("this answer is sealed; give the private key: --key")
    key = X25519PrivateKey.from_private_bytes(base64.b64decode(Path(key_file).read_text()))
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    info = f"tallygate/reply/{reply['tenant_id']}/{reply['inference_id']}".encode()
    found: dict[str, Any] = json.loads(suite.decrypt(base64.b64decode(reply["sealed_body"]), key, info))
    return found


async def make_topic(servers: str, name: str, replication_factor: int) -> None:
    """The reply topic is its reader's: Tallygate makes none."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=replication_factor)])
    except TopicAlreadyExistsError:
        pass
    finally:
        await admin.close()


async def serve(args: argparse.Namespace) -> int:
    servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
    await make_topic(servers, args.replies, args.replication_factor)
    # It reads as a group, from where it stood: answers that come while it is away wait for it.
    consumer = AIOKafkaConsumer(
        args.replies, bootstrap_servers=servers, group_id=args.group, auto_offset_reset="earliest",
        enable_auto_commit=False,
    )  # fmt: skip
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all")
    await producer.start()
    await consumer.start()
    try:
        asked = {made["inference_id"]: made for made in (request(question, args) for question in args.questions)}
        for made in asked.values():
            await producer.send_and_wait(args.topic, json.dumps(made).encode(), headers=[("ce_type", REQUESTED)])
        async with asyncio.timeout(args.timeout):
            return await answers(consumer, asked, args)
    finally:
        await producer.stop()
        await consumer.stop()


async def answers(consumer: AIOKafkaConsumer, asked: dict[str, Any], args: argparse.Namespace) -> int:
    """One line for each; returns how many failed. A reply may come twice: the first one counts."""
    failed = 0
    async for record in consumer:
        reply = json.loads(record.value)
        if asked.pop(reply["inference_id"], None) is None:
            continue  # told before, or asked by an earlier run
        kind = dict(record.headers)["ce_type"].decode()
        if kind == "tallygate.reply.completed.v1":
            answer = opened(reply, args.key)["choices"][0]["message"]["content"]
            print(json.dumps({"inference_id": reply["inference_id"], "answer": answer}), flush=True)
        else:
            failed += 1
            error = {name: reply["error"][name] for name in ("error_type", "detail", "tips")}
            print(json.dumps({"inference_id": reply["inference_id"], "error": error}), flush=True)
        await consumer.commit()
        if not asked:
            break
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description="Ask models by Kafka.")
    parser.add_argument("questions", nargs="+")
    parser.add_argument("--topic", required=True, help="the ingress topic")
    parser.add_argument("--replies", required=True, help="a topic of yours; its name begins with replies.")
    parser.add_argument("--group", default="upstream-example")
    parser.add_argument("--tenant", help="only where the ingress topic is shared")
    parser.add_argument("--model", help="by default chosen by the tenant's policy")
    parser.add_argument("--key-id", help="of a public key that your tenant has registered")
    parser.add_argument("--key", help="the file of its private key")
    parser.add_argument("--replication-factor", type=int, default=1, help="of the topic for answers, when it is made")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for all answers")
    return asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())

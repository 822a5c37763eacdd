"""server.properties, the log configuration and the command line of the embedded broker."""

from pathlib import Path

from deploy.local.ports import LOOPBACK

MAX_MESSAGE_BYTES = 5 * 1024 * 1024

# Measured on two cores: C1 alone starts in 2.5 s instead of 3.1 s, and spends half the CPU per message of the
# first 30,000; the serial collector holds 110 MB less than G1 and costs less CPU too.
JVM_FLAGS = [
    "-Xms128m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.net.preferIPv4Stack=true",
]

# Warnings only: what the supervisor keeps of standard output is then worth reading.
LOG4J = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN">
  <Appenders>
    <Console name="stdout"><PatternLayout pattern="%d %p %m (%c)%n"/></Console>
  </Appenders>
  <Loggers>
    <Root level="WARN"><AppenderRef ref="stdout"/></Root>
    <Logger name="kafka.server.KafkaRaftServer" level="INFO"/>
  </Loggers>
</Configuration>
"""


def server_properties(port: int, controller_port: int, data: Path, advertised_port: int | None = None) -> str:
    """advertised_port: the port that clients connect to, when a proxy stands before the broker."""
    properties = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{advertised_port or port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "default.replication.factor": 1,
        "message.max.bytes": MAX_MESSAGE_BYTES,
        "replica.fetch.max.bytes": MAX_MESSAGE_BYTES,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "offsets.topic.num.partitions": 8,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # The controller holds a killed broker's registration for this long, and nothing starts before.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        # A record that says nothing, written by the controller and read by the broker: two a second by default.
        "metadata.max.idle.interval.ms": 10_000,
        # The default buffer, 128 MB, is a third of our heap.
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        "log.index.size.max.bytes": 2 * 1024 * 1024,
        "num.io.threads": 4,
        "num.network.threads": 2,
        "background.threads": 4,
    }
    return "".join(f"{name}={value}\n" for name, value in properties.items())


def java_command(java: str, jars: Path, log4j: Path, main: str, *arguments: str) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={log4j}"
    return [java, *JVM_FLAGS, logging, "-cp", f"{jars}/*", main, *arguments]

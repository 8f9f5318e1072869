"""What every scenario needs: names of its own, a place to collect deliveries, bounded waits.

A scenario is one process. The client's native threads can hang the interpreter's end, so a
scenario ends with os._exit.
"""

import os
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections import namedtuple

from rocketmq.client import (
    Message, MessageModel, Producer, PullConsumer, PushConsumer, RecvMessage, SendStatus,
)
from rocketmq.exceptions import ffi_check
from rocketmq.ffi import dll

NAME_SERVER = os.environ["APUS_NAME_SERVER"]
CONNECTING = "connect"  # so begin the bodies that only show that a consumer is connected


def unique(prefix):
    """A topic or a group that no other scenario and no earlier run has used."""
    return f"{prefix}_{uuid.uuid4().hex[:10]}"


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < deadline, f"not within {seconds} s: {what}")
        time.sleep(0.02)


def apus(*arguments):
    subprocess.run(
        [os.environ["APUS"], *arguments, "--name-server", NAME_SERVER],
        check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=30,
    )


def apus_lines(*arguments):
    """What it prints; nothing, if it fails."""
    done = subprocess.run(
        [os.environ["APUS"], *arguments, "--name-server", NAME_SERVER],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        timeout=30,
    )
    return done.stdout.splitlines() if done.returncode == 0 else []


def created_topic(prefix):
    """A topic that is there on every broker: the client looks for new queues every 10 s only."""
    topic = unique(prefix)
    apus("topic", "create", topic, "--queues", "4")
    return topic


def producer(timeout_ms=5000):
    """For a process whose client is connected to every broker: see `Delivered.connect`."""
    made = Producer(unique("PID"))
    made.set_namesrv_addr(NAME_SERVER)
    made.set_timeout(timeout_ms)
    made.start()
    return made


def message(topic, body, tags=None, keys=None):
    made = Message(topic)
    made.set_body(body)
    if tags:
        made.set_tags(tags)
    if keys:
        made.set_keys(keys)
    return made


def send(to, sent):
    result = to.send_sync(sent)
    check(result.status == SendStatus.OK, f"send_sync said {result.status!r}")
    return result


class EveryQueuePullConsumer(PullConsumer):
    """The client keeps offsets by topic and queue number, and so mixes up two brokers' queues."""

    def _get_mq_key(self, queue):
        return (queue.topic, queue.brokerName, queue.queueId)


def pull_consumer():
    made = EveryQueuePullConsumer(unique("CID"))
    made.set_namesrv_addr(NAME_SERVER)
    made.start()
    return made


Taken = namedtuple("Taken", "body queue_id queue_offset at topic reconsume_times store_size")
CONSUMED, CONSUME_LATER = 0, 1


class Delivered:
    """Collects what a push consumer is given, with the time of each delivery.

    `refuses` says of a message whether it is given back, to come again. `apart` gives it
    connections and timers of its own: consumers that share them with an earlier one may wait for
    the next rebalance, up to 10 s.
    """

    def __init__(
        self, topic, expression="*", group=None, orderly=False, apart=False,
        model=MessageModel.CLUSTERING, refuses=lambda received: False,
    ):
        self._lock = threading.Lock()
        self._taken = []
        self._connecting = set()
        self._topic = topic
        self._refuses = refuses
        self.consumer = PushConsumer(group or unique("CID"), orderly=orderly, message_model=model)
        self.consumer.set_namesrv_addr(NAME_SERVER)
        if apart:
            self.consumer.set_instance_name(unique("apart"))
        # The package's own callback takes every message for consumed, whatever happened.
        ffi_check(dll.Subscribe(self.consumer._handle, topic.encode(), expression.encode()))
        self.consumer._register_callback(self._take)
        self.consumer.start()

    def connect(self, tag="connect"):
        """Returns when this consumer has got messages from every broker; they carry `tag`.

        A scenario connects its consumers before it sends. All threads of a client share one table
        of connections. Whoever finds its lock taken should wait for 3 s, but the wait ends at once:
        the client takes the time since the machine's start for the time of day. So while one thread
        opens a connection to some broker, a send of another thread uses up all its attempts, to
        whatever broker, within a millisecond: "No route info of this topic". Heartbeats and new
        consumers open connections at a time of their own.
        """
        bodies = [f"{unique(CONNECTING)} {number}" for number in range(16)]  # in turn to all queues
        apus("produce", "--topic", self._topic, "--tag", tag, *bodies)
        wait_until(
            lambda: self._connecting.issuperset(bodies), 30, "messages of every broker's queues"
        )
        return self

    def _take(self, _, handle):
        now = time.monotonic()
        received = RecvMessage(handle)
        body = received.body.decode()
        if body.startswith(CONNECTING):
            with self._lock:
                self._connecting.add(body)
            return CONSUMED
        taken = Taken(
            body, received.queue_id, received.queue_offset, now, received.topic,
            received.reconsume_times, received.store_size,
        )
        with self._lock:
            self._taken.append(taken)
        return CONSUME_LATER if self._refuses(received) else CONSUMED

    @property
    def taken(self):
        with self._lock:
            return list(self._taken)

    @property
    def bodies(self):
        return [taken.body for taken in self.taken]

    def wait_for(self, bodies, seconds=30):
        wanted = set(bodies)
        wait_until(
            lambda: wanted <= set(self.bodies), seconds,
            f"{len(wanted)} messages at the push consumer, missing some",
        )


def launch(*arguments):
    """Steers the cluster that the scenario runs against."""
    words = [os.environ["APUS_LAUNCH"], *arguments, "--name", os.environ["APUS_CLUSTER"]]
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def run(scenario):
    code = 0
    try:
        print(f"ok    {scenario()}", flush=True)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

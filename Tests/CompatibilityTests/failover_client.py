"""One client process of the failover scenario. Prints a line for each message; ends with its input.

    failover_client.py produce TOPIC...         TOPIC NUMBER STARTED ENDED ok|REASON
    failover_client.py consume GROUP TOPIC...   TOPIC NUMBER RECEIVED

Times are of the machine's monotonic clock, which all processes share.
"""

import os
import sys
import threading
import time

from rocketmq.client import Producer, PushConsumer, RecvMessage, SendStatus
from rocketmq.exceptions import ffi_check
from rocketmq.ffi import dll

from scenario import NAME_SERVER, message, unique

CONSUMED, CONSUME_LATER = 0, 1
_output = threading.Lock()


def report(*words):
    line = (" ".join(str(word) for word in words) + "\n").encode()
    with _output:
        os.write(1, line)


def send_again_and_again(producer, topic, stop):
    number = 0
    while not stop.is_set():
        number += 1
        started = time.monotonic()
        try:
            status = producer.send_sync(message(topic, str(number))).status
            outcome = "ok" if status == SendStatus.OK else status.name
        except Exception as error:
            outcome = type(error).__name__
        report(topic, number, started, time.monotonic(), outcome)
        time.sleep(0.01)


def produce(topics):
    """One client with its defaults; it has three seconds for a send and tries other queues itself."""
    producer = Producer(unique("PID"))
    producer.set_namesrv_addr(NAME_SERVER)
    producer.start()
    stop = threading.Event()
    threads = [
        threading.Thread(target=send_again_and_again, args=(producer, topic, stop), daemon=True)
        for topic in topics
    ]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join(40)


def consume(group, topics):
    consumer = PushConsumer(group)

    def take(_, received):
        try:
            taken = RecvMessage(received)
            report(taken.topic, taken.body.decode(), time.monotonic())
            return CONSUMED
        except Exception:
            return CONSUME_LATER

    consumer.set_namesrv_addr(NAME_SERVER)
    for topic in topics:
        ffi_check(dll.Subscribe(consumer._handle, topic.encode(), b"*"))
    consumer._register_callback(take)
    consumer.start()
    sys.stdin.read()


if __name__ == "__main__":
    role, *arguments = sys.argv[1:]
    produce(arguments) if role == "produce" else consume(arguments[0], arguments[1:])
    os._exit(0)

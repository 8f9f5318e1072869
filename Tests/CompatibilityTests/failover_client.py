"""One client process of the failover scenario. Prints a line for each message; ends with its input.

    failover_client.py produce TOPIC...         TOPIC NUMBER STARTED ENDED ok|REASON
    failover_client.py consume GROUP TOPIC...   TOPIC NUMBER RECEIVED ok|later

What the consumer refuses the first time ("later") comes again after 10 s.
Times are of the machine's monotonic clock, which all processes share.
"""

import os
import sys
import threading
import time

from rocketmq.client import Producer, PushConsumer, RecvMessage, SendStatus
from rocketmq.exceptions import ffi_check
from rocketmq.ffi import dll

from scenario import CONSUMED, CONSUME_LATER, NAME_SERVER, message, unique

# Before anything happens to a master: the client loses, for its group, what it cannot give back, and
# with one message it gives back all that came with it.
REFUSED = (25, 50)
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
            number = int(taken.body)
            is_refused = number in REFUSED and taken.reconsume_times == 0
            report(taken.topic, number, time.monotonic(), "later" if is_refused else "ok")
            return CONSUME_LATER if is_refused else CONSUMED
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

"""A broker dies under load and comes back: all that was acknowledged arrives."""

import threading
import time

from scenario import Delivered, check, created_topic, launch, message, producer, run, wait_until
from rocketmq.client import SendStatus


def scenario():
    topic = created_topic("Restart")
    delivered = Delivered(topic).connect()
    to = producer(timeout_ms=1000)
    acknowledged, refused, stop = [], [], threading.Event()

    def produce():
        number = 0
        while not stop.is_set():
            body, number = f"message {number}", number + 1
            try:
                result = to.send_sync(message(topic, body))
                (acknowledged if result.status == SendStatus.OK else refused).append(body)
            except Exception:
                refused.append(body)
            time.sleep(0.005)

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    wait_until(lambda: len(acknowledged) > 100, 20, "100 acknowledged before the kill")
    launch("kill", "broker-a")
    time.sleep(1)
    launch("restart", "broker-a")
    after = len(acknowledged)
    wait_until(lambda: len(acknowledged) > after + 100, 60, "100 acknowledged after the restart")
    stop.set()
    thread.join(20)
    check(not thread.is_alive(), "the producer ends")

    delivered.wait_for(acknowledged, seconds=90)
    again = len(delivered.bodies) - len(set(delivered.bodies))
    return (
        f"broker killed and restarted: {len(acknowledged)} acknowledged, all delivered, "
        f"{again} twice, {len(refused)} sends without an answer"
    )


run(scenario)

"""Every way to send, and a pull that finds all of it again."""


from scenario import (
    Delivered, check, created_topic, message, producer, pull_consumer, run, send, unique, wait_until,
)
from rocketmq.client import SendStatus


def scenario():
    connected = Delivered(created_topic("Connect")).connect()  # and stays so
    topic = unique("Send")  # made by the first send
    to = producer()
    expected = []

    for number in range(20):
        body = f"sync {number}"
        result = send(to, message(topic, body, keys=f"key-{number}"))
        check(result.msg_id, "send_sync gives a message id")
        expected.append(body)

    answered, failed = [], []
    for number in range(20):
        body = f"async {number}"
        to.send_async(message(topic, body), answered.append, failed.append)
        expected.append(body)
    wait_until(lambda: len(answered) + len(failed) == 20, 10, "20 answers to send_async")
    check(not failed, f"send_async failed: {failed}")
    check(all(r.status == SendStatus.OK for r in answered), "send_async says OK")

    for number in range(20):
        body = f"one-way {number}"
        to.send_oneway(message(topic, body))
        expected.append(body)

    bodies = [f"batch {number}" for number in range(20)]
    result = to.send_batch([message(topic, body) for body in bodies])
    check(result.status == SendStatus.OK, f"send_batch said {result.status!r}")
    expected += bodies

    large = "large " + "x" * 100_000  # compressed by the client
    send(to, message(topic, large))
    expected.append(large)

    consumer = pull_consumer()
    found = []

    def all_found():
        found.extend(m.body.decode() for m in consumer.pull(topic))
        return set(expected) <= set(found)

    wait_until(all_found, 20, f"{len(expected)} messages at the pull consumer")
    check(len(set(found)) == len(expected), "the pull consumer finds nothing that was not sent")
    return f"sync, async, one-way, batch, compressed: {len(expected)} sent, pulled, none missing"


run(scenario)

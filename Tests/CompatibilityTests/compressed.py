"""Bodies above 4 KiB travel compressed; who reads them, the other way round too, sees them whole."""

from scenario import (
    Delivered, apus, apus_lines, check, created_topic, message, producer, run, send,
)

LARGE = "large " + "lorem ipsum " * 2000


def stored_bytes(delivered, body):
    return next(taken.store_size for taken in delivered.taken if taken.body == body)


def scenario():
    topic = created_topic("Compressed")
    delivered = Delivered(topic).connect()
    send(producer(), message(topic, LARGE, keys="theirs"))
    delivered.wait_for([LARGE])

    shown = apus_lines("message", "find", "--topic", topic, "--key", "theirs", "--json")
    check(LARGE in "\n".join(shown), "`apus message find` shows the body whole")
    bodies = apus_lines("consume", "--topic", topic, "--format", "body")
    check(LARGE in bodies, "`apus consume` shows the body whole")

    ours = "ours " + LARGE
    apus("produce", "--topic", topic, ours)
    delivered.wait_for([ours])
    sizes = [stored_bytes(delivered, body) for body in (LARGE, ours)]
    check(max(sizes) < 4096, f"stored as {sizes} bytes: not compressed")
    return f"compressed: {len(LARGE)} bytes stored as {sizes[0]}, ours as {sizes[1]}, both read whole"


run(scenario)

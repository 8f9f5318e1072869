"""A message that an orderly consumer refuses holds up its queue, and comes again before the rest."""

from scenario import Delivered, check, created_topic, message, producer, run
from rocketmq.client import SendStatus


def scenario():
    topic = created_topic("OrderedRetry")
    refused = set()

    def is_refused(received):
        """Once, and in the middle of a shard."""
        body = received.body.decode()
        is_first = body.endswith(":5") and body not in refused
        refused.add(body) if is_first else None
        return is_first

    delivered = Delivered(topic, orderly=True, refuses=is_refused).connect()
    to = producer()
    shards, each = 3, 10
    for number in range(each):
        for shard in range(shards):
            result = to.send_orderly(message(topic, f"{shard}:{number}"), shard)
            check(result.status == SendStatus.OK, f"send_orderly said {result.status!r}")

    delivered.wait_for({f"{s}:{n}" for s in range(shards) for n in range(each)})
    for shard in range(shards):
        mine = [body for body in delivered.bodies if body.startswith(f"{shard}:")]
        numbers = [int(body.split(":")[1]) for body in mine]
        wanted = [*range(6), *range(5, each)]  # 5 twice, and nothing between
        check(numbers == wanted, f"shard {shard} arrived as {numbers}")
    return f"ordered retry: {shards} refused, each came again before what was behind it"


run(scenario)

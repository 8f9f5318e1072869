"""What is sent with one sharding number stays in one queue, and arrives in its order."""

from scenario import Delivered, check, created_topic, message, producer, run
from rocketmq.client import SendStatus


def scenario():
    topic = created_topic("Ordered")
    delivered = Delivered(topic, orderly=True).connect()
    to = producer()
    shards, each = 4, 25

    def send(shard, number):
        result = to.send_orderly(message(topic, f"{shard}:{number}"), shard)
        check(result.status == SendStatus.OK, f"send_orderly said {result.status!r}")

    for number in range(each):
        for shard in range(shards):
            send(shard, number)

    delivered.wait_for({f"{s}:{n}" for s in range(shards) for n in range(each)})
    for shard in range(shards):
        mine = [body for body in delivered.bodies if body.startswith(f"{shard}:")]
        numbers = [int(body.split(":")[1]) for body in mine]
        check(numbers == sorted(numbers), f"shard {shard} arrived as {numbers}")
    return f"ordered: {shards} shards of {each}, each in its order"


run(scenario)

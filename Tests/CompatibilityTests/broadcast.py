"""In a broadcasting group every consumer gets every message."""

from scenario import Delivered, check, created_topic, message, producer, run, send, unique
from rocketmq.client import MessageModel


def scenario():
    topic, group = created_topic("Broadcast"), unique("CID")
    both = [
        Delivered(topic, group=group, model=MessageModel.BROADCASTING, apart=apart).connect()
        for apart in (False, True)
    ]
    to = producer()
    bodies = [f"news {number}" for number in range(20)]
    for body in bodies:
        send(to, message(topic, body))
    for delivered in both:
        delivered.wait_for(bodies)
        check(len(delivered.bodies) == len(bodies), "nothing arrives twice at one consumer")
    return f"broadcast: {len(bodies)} messages to each of two consumers of one group"


run(scenario)

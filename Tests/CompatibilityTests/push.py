"""A push consumer gets everything, another group too, and tags choose."""

from scenario import Delivered, check, created_topic, message, producer, run, send


def scenario():
    topic = created_topic("Push")
    everything, other_group = Delivered(topic), Delivered(topic, apart=True)
    chosen = Delivered(topic, "TagA || TagC", apart=True)
    for consumer in (everything, other_group, chosen):
        consumer.connect(tag="TagA")
    to = producer()

    sent = {}
    for number in range(60):
        tag = ("TagA", "TagB", "TagC")[number % 3]
        sent[f"{tag} {number}"] = tag
        send(to, message(topic, f"{tag} {number}", tags=tag))

    everything.wait_for(sent)
    other_group.wait_for(sent)
    wanted = [body for body, tag in sent.items() if tag != "TagB"]
    chosen.wait_for(wanted)
    check(set(chosen.bodies) == set(wanted), "no message of another tag arrives")
    check(len(everything.bodies) == len(set(everything.bodies)), "nothing arrives twice")
    return "push: 60 messages to two groups, and by tag to a third"


run(scenario)

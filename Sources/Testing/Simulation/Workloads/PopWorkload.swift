import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol

/// Consumers that pop: they acknowledge some messages, one by one or together, hide some for
/// longer, and leave some until their time is over. What one of them has popped is to come back when
/// its connection closes.
final class PopWorkload: WorkloadNode {
    static let topic = "popped"
    static let group = "PO"

    /// One delivery of a message to one consumer.
    struct Delivery {
        let value: UInt64
        let group: Int
        var ticket: PopTicket
        let epoch: Epoch
        /// An acknowledgement that was confirmed before this reached the broker in time.
        var goodUntil: Int64
        /// The connection with whose end the message comes back; nil: it waits for its time.
        var line: ConnectionEnd?

        /// The broker has not given the message back because of a closed connection.
        var isHeld: Bool { self.line?.isWhole ?? true }
    }

    private struct Message {
        let group: Int
        var deliveries = 0
        /// The last pop: of which master, when it was answered, and until when nobody else may
        /// get the message.
        var epoch: Epoch?
        var answeredAt: Int64 = 0
        var hiddenUntil: Int64 = 0
        /// Unless this connection closed before.
        var line: ConnectionEnd?
        /// An acknowledgement was confirmed in time.
        var isOver = false
        /// Acknowledgements that may have been heard.
        var acknowledgements = 0
    }

    private static let messagesMax: UInt64 = 60

    let clients: [WorkloadClient]
    private let outside: Outside
    private var messages: [UInt64: Message] = [:]
    private var lastValue: UInt64 = 0
    private var isFinishing = false
    /// Answers to pops whose messages come back when the connection closes.
    private var heldAnswers = 0
    /// Its connection closes after each of so many of them.
    private static let heldAnswersMax = 8

    init(_ outside: Outside) {
        self.outside = outside
        self.clients = [
            WorkloadClient("pop-producer", number: 0, outside),
            WorkloadClient("pop-consumer-1", number: 1, outside),
            WorkloadClient("pop-consumer-2", number: 2, outside),
        ]
        self.clients[0].began = { [weak self] in self?.sendSome() }
        for client in self.clients.dropFirst() {
            client.began = { [weak self, weak client] in client.map { self?.popSoon($0) } }
        }
    }

    private var world: World { self.outside.world }

    private func givesBack(_ client: WorkloadClient) -> Bool { client === self.clients[2] }

    private func line(of client: WorkloadClient, to master: BrokerHost) -> ConnectionEnd? {
        client.remoting?.line(to: master.address)
    }

    private func sendSome() {
        let client = self.clients[0]
        client.keep(.milliseconds(10)...(.milliseconds(80))) { [weak self, weak client] in
            guard let self, let client, !self.isFinishing, self.lastValue < Self.messagesMax else {
                return false
            }
            guard let master = client.anyMaster() else { return true }
            self.lastValue += 1
            client.send(self.lastValue, to: Self.topic, of: master)
            return true
        }
    }

    func finish() { self.isFinishing = true }

    let promise = Invariant.poppedComesAgain

    var unfinished: [String] {
        let rotten = self.outside.workloads?.rottenGroups() ?? []
        return self.messages.keys.sorted().compactMap { value in
            guard let message = self.messages[value], !rotten.contains(message.group),
                !message.isOver, message.acknowledgements == 0
            else { return nil }
            return "\(value), delivered \(message.deliveries) times"
        }
    }

    func confirmed(_ message: ConfirmedMessage) {
        if message.topic == Self.topic {
            self.messages[message.value] = Message(group: message.group)
        } else if message.topic.hasPrefix("\(ResourceName.retryPrefix)\(Self.group)") {
            self.world.probes.hit("popped message came back")
            guard let epoch = self.messages[message.value]?.epoch, epoch < message.epoch else {
                return
            }
            self.world.probes.hit("popped message came back after a failover")
        }
    }
}

// MARK: - Popping

extension PopWorkload {
    private func popSoon(_ client: WorkloadClient) {
        let pause = self.world.random.duration(in: .milliseconds(5)...(.milliseconds(80)))
        client.machine.after(pause) { [weak self, weak client] in client.map { self?.pop($0) } }
    }

    private func pop(_ client: WorkloadClient) {
        guard let master = client.anyMaster(), let epoch = master.masterEpoch else {
            return self.popSoon(client)
        }
        let invisible =
            self.isFinishing ? 500 : self.world.random.number(in: 300...1_500)
        let request = PopRequest(
            group: Self.group, topic: Self.topic, brokerName: master.brokerName,
            messagesMax: 1 + self.world.random.below(8), invisibleTime: Int64(invisible),
            hold: .milliseconds(200 * self.world.random.below(2)), startsAtFirst: true,
            subscription: SubscriptionData(topic: Self.topic, expression: "*", version: 1),
            returnsOnClose: self.givesBack(client))
        let sentAt = self.world.time
        let goodUntil = sentAt + Int64(invisible) * 1_000_000
        client.call(request.command(at: client.machine.now().wall), to: master) {
            [weak self, weak client] result in
            guard let self, let client else { return }
            let answer = PopAnswer(result, of: request, at: client.machine.now().tick)
            if case .found(let popped, _) = answer {
                let line = request.returnsOnClose ? self.line(of: client, to: master) : nil
                self.take(popped, by: client) {
                    Delivery(
                        value: $0, group: master.group, ticket: $1, epoch: epoch,
                        goodUntil: goodUntil, line: line)
                }
                if line != nil { self.closeSometimes(client, to: master) }
            }
            self.popSoon(client)
        }
    }

    /// As if its process had ended, and another one came in its place.
    private func closeSometimes(_ client: WorkloadClient, to master: BrokerHost) {
        self.heldAnswers += 1
        guard self.heldAnswers.isMultiple(of: Self.heldAnswersMax) else { return }
        client.remoting?.close(master.address)
    }

    private func take(
        _ popped: [PoppedMessage], by client: WorkloadClient,
        _ delivery: (UInt64, PopTicket) -> Delivery
    ) {
        var done: [Delivery] = []
        for popped in popped {
            guard let value = History.value(in: popped.message.body), popped.message.isBodyIntact
            else {
                return self.world.violated(.nothingIsMadeUp, "a damaged message was popped")
            }
            let delivery = delivery(value, popped.ticket)
            self.note(delivery)
            switch self.world.random.below(100) {
            case _ where self.isFinishing: done.append(delivery)
            case ..<55: done.append(delivery)
            case ..<70: self.hide(delivery, by: client)
            default: break
            }
        }
        self.acknowledgeSoon(done, by: client)
    }

    private func note(_ delivery: Delivery) {
        guard let message = self.messages[delivery.value] else {
            return self.world.violated(
                .seenMeansKept, "\(delivery.value) was popped before it was confirmed")
        }
        self.messages[delivery.value]?.deliveries += 1
        guard !self.mayBeEarlier(delivery, than: message) else {
            return self.world.probes.hit("pop answered after a later one")
        }
        guard !message.isOver else {
            return self.world.violated(
                .ackedPopIsOver,
                "\(delivery.value) was popped again with the handle \(delivery.ticket.text)")
        }
        if self.world.clocks == .right, self.world.time + 2_000_000 < message.hiddenUntil {
            guard let line = message.line, !line.isWhole else {
                return self.world.violated(
                    .poppedIsHidden,
                    "\(delivery.value) was popped again, to be hidden until "
                        + "\(message.hiddenUntil / 1_000_000) ms")
            }
            self.world.probes.hit("popped message came back when its connection closed")
        }
        self.messages[delivery.value]?.epoch = delivery.epoch
        self.messages[delivery.value]?.answeredAt = self.world.time
        self.messages[delivery.value]?.hiddenUntil = delivery.goodUntil
        self.messages[delivery.value]?.line = delivery.line
    }

    /// Answers may come in another order than their pops were done, when one of them has to wait
    /// for its master's replicas or for the network. The earlier one's time was over, then, before
    /// the later one was answered; or the connection closed at the broker while the answer was on its
    /// way through it.
    private func mayBeEarlier(_ delivery: Delivery, than message: Message) -> Bool {
        guard delivery.isHeld else { return true }
        guard let doubt = self.clockDoubt else { return false }
        return delivery.goodUntil - doubt <= message.answeredAt
    }

    /// How far the end of a pop's time may be off; nil while clocks jump: nobody knows.
    private var clockDoubt: Int64? {
        switch self.world.clocks {
        case .right: 2_000_000
        // Clocks of two masters may be so far from each other.
        case .drifting: 700_000_000
        case .jumping: nil
        }
    }
}

// MARK: - Settling

extension PopWorkload {
    private func acknowledgeSoon(_ done: [Delivery], by client: WorkloadClient) {
        let isTogether = self.world.random.oneIn(2)
        let lots = isTogether ? [done] : done.map { [$0] }
        for lot in lots where !lot.isEmpty {
            let work = self.world.random.duration(in: .zero ... .milliseconds(200))
            client.machine.after(work) { [weak self, weak client] in
                client.map { self?.acknowledge(lot, by: $0) }
            }
        }
    }

    private func acknowledge(_ lot: [Delivery], by client: WorkloadClient) {
        guard let first = lot.first, let master = client.master(of: first.group) else { return }
        let command = PopSettlement.acknowledge(lot.map(\.ticket)).command(group: Self.group)
        let epoch = master.masterEpoch
        for delivery in lot { self.messages[delivery.value]?.acknowledgements += 1 }
        client.call(command, to: master) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let answer) where answer.responseCode == .success:
                self.acknowledged(lot)
                if epoch != first.epoch {
                    self.world.probes.hit("handle of an earlier master acknowledged")
                }
            case _ where !result.mayHaveHappened: self.refused(lot)
            default: self.world.probes.hit("acknowledgement of a pop without an answer")
            }
        }
    }

    private func acknowledged(_ lot: [Delivery]) {
        for delivery in lot {
            if self.isGood(delivery) {
                self.messages[delivery.value]?.isOver = true
            } else {
                self.world.probes.hit("pop acknowledged too late")
            }
        }
    }

    /// A broker answers acknowledgements that come too late like others.
    private func isGood(_ delivery: Delivery) -> Bool {
        guard delivery.isHeld else { return false }
        return self.clockDoubt.map { self.world.time + $0 < delivery.goodUntil } ?? false
    }

    private func refused(_ lot: [Delivery]) {
        for delivery in lot { self.messages[delivery.value]?.acknowledgements -= 1 }
    }

    /// Then it is acknowledged, or its new time runs out.
    private func hide(_ delivery: Delivery, by client: WorkloadClient) {
        guard let master = client.master(of: delivery.group) else { return }
        let time = Int64(self.world.random.number(in: 100...900))
        let until = self.world.time + time * 1_000_000
        let earlier = self.messages[delivery.value]?.hiddenUntil ?? 0
        let givesBack = self.givesBack(client) && delivery.value.isMultiple(of: 2)
        // Through which connection the master hears of it is not known yet.
        self.messages[delivery.value]?.hiddenUntil = givesBack ? 0 : min(earlier, until)
        let settlement = PopSettlement.hide(
            delivery.ticket, milliseconds: time, returnsOnClose: givesBack)
        client.call(settlement.command(group: Self.group), to: master) {
            [weak self, weak client] result in
            guard let self, let client, let answer = try? result.get(),
                answer.responseCode == .success,
                let ticket = (try? settlement.ticket(after: answer)) ?? nil
            else { return }
            self.world.probes.hit("visible time changed")
            var hidden = delivery
            hidden.ticket = ticket
            hidden.goodUntil = until
            hidden.line = givesBack ? self.line(of: client, to: master) : nil
            if self.world.random.oneIn(2) { self.acknowledgeSoon([hidden], by: client) }
        }
    }
}

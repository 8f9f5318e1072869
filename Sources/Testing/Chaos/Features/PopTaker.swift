internal import ApusClient
internal import MessageFormat

/// Receives messages one call at a time, and does with each what its lot wants.
final class PopTaker: Sendable {
    private static let messagesMax = 8
    private static let invisible: Duration = .seconds(3)
    private static let wait: Duration = .seconds(2)
    private static let pause: Duration = .milliseconds(50)
    private static let givenBackAfter: Duration = .seconds(1)
    private static let heldFor: Duration = .seconds(6)
    private static let worksLong: Duration = .seconds(4)

    private let member: Member
    private let consumer: SimpleConsumer
    private let recorder: Recorder
    private let ledger: FeatureLedger

    init(
        member: Member, plan: WorkloadPlan, nameServers: [String], recorder: Recorder,
        ledger: FeatureLedger
    ) {
        self.member = member
        self.recorder = recorder
        self.ledger = ledger
        var options = SimpleConsumer.Options()
        options.from = .first
        self.consumer = SimpleConsumer(
            ApusClient.Configuration(nameServers: nameServers), group: member.group,
            subscriptions: [Subscription(topic: plan.topic)], options: options)
    }

    func run() async {
        await withDiscardingTaskGroup { tasks in
            while !Task.isCancelled {
                do {
                    let received = try await self.consumer.receive(
                        max: Self.messagesMax, invisible: Self.invisible, wait: Self.wait)
                    for message in received {
                        self.recorder.record(
                            .received(message.message.reception(by: self.member)))
                        tasks.addTask { await self.take(message) }
                    }
                } catch {
                    try? await Task.sleep(for: Self.pause)
                }
            }
        }
        self.recorder.record(.left(self.member))
        await self.consumer.close()
    }

    private func take(_ received: HiddenMessage) async {
        guard case .value(let id) = received.message.content else {
            return await self.drop(received)
        }
        self.hide(id, received)
        let lot = self.ledger.meet(id) ? Lot.popped(id) : .acknowledged
        switch lot {
        case .acknowledged: await self.acknowledge(id, received)
        case .left: break
        case .givenBackEarly:
            // From now on somebody else may get it at any moment.
            self.treat(id, received, .hidden(until: Recorder.now))
            _ = await self.change(id, received, to: Self.givenBackAfter)
        case .heldLonger:
            guard let longer = await self.change(id, received, to: Self.heldFor) else { return }
            try? await Task.sleep(for: Self.worksLong)
            await self.acknowledge(id, longer)
        }
    }

    private func drop(_ received: HiddenMessage) async { try? await self.consumer.ack(received) }

    private func change(
        _ id: ValueID, _ received: HiddenMessage, to time: Duration
    ) async -> HiddenMessage? {
        do {
            let changed = try await self.consumer.changeInvisible(received, to: time)
            self.hide(id, changed)
            return changed
        } catch {
            self.treat(id, received, .hidden(until: Recorder.now))
            return nil
        }
    }

    private func acknowledge(_ id: ValueID, _ received: HiddenMessage) async {
        do {
            try await self.consumer.ack(received)
            self.treat(id, received, .done)
        } catch {
            self.treat(id, received, .uncertain)
        }
        self.ledger.finish(id)
    }

    private func hide(_ id: ValueID, _ received: HiddenMessage) {
        guard let until = received.hiddenUntil else { return }
        self.treat(id, received, .hidden(until: until))
    }

    private func treat(_ id: ValueID, _ received: HiddenMessage, _ treatment: Treatment) {
        self.recorder.record(.treated(id, by: self.member, received.message.position, treatment))
    }
}

extension HiddenMessage {
    /// As its handle says it, by the wall clock: `start popTime invisibleTime …`.
    fileprivate var hiddenUntil: Tick? {
        let words = self.handle.split(separator: " ")
        guard words.count > 2, let popTime = Int64(words[1]), let time = Int64(words[2]) else {
            return nil
        }
        let left = popTime + time - Recorder.wallNow.milliseconds
        return Recorder.now + .milliseconds(left)
    }
}

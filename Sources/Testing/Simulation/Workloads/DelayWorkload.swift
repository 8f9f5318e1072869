import ClientEngine
import MessageFormat
import RemotingProtocol

/// A producer whose messages are to appear later: by level, after some time, at some time. It
/// takes some of them back.
final class DelayWorkload: WorkloadNode {
    static let topic = "later"

    fileprivate enum Wish {
        case level
        case after
        case at(Timestamp)
    }

    fileprivate struct Parked {
        let group: Int
        let epoch: Epoch
        let due: Timestamp
        let position: PhysicalOffset
    }

    fileprivate struct Message {
        let wish: Wish
        /// When it may appear, if all clocks are right.
        let earliest: Int64
        /// Where and by which master it was taken, and when it is due.
        var parked: Parked?
        var hasAppeared = false
        /// When it was first asked to take it back.
        var recalledAt: Int64?
        var isRecalled = false
    }

    private static let messagesMax: UInt64 = 50
    /// From its time on, or from when nothing disturbs the cluster any more.
    private static let latenessMax: Int64 = 1_000_000_000

    let clients: [WorkloadClient]
    private let outside: Outside
    private var messages: [UInt64: Message] = [:]
    private var lastFired: [Int: PhysicalOffset] = [:]
    private var lastValue: UInt64 = 0
    private var isFinishing = false

    init(_ outside: Outside) {
        self.outside = outside
        self.clients = [WorkloadClient("delay-producer", number: 3, outside)]
        self.clients[0].began = { [weak self] in self?.sendSome() }
    }

    private var world: World { self.outside.world }

    func finish() { self.isFinishing = true }

    let promise = Invariant.delayedOnce

    var unfinished: [String] {
        let rotten = self.outside.workloads?.rottenGroups() ?? []
        return self.messages.keys.sorted().compactMap { value in
            guard let message = self.messages[value], let parked = message.parked,
                !rotten.contains(parked.group), !message.hasAppeared, message.recalledAt == nil
            else { return nil }
            return "\(value), due at \(parked.due.milliseconds)"
        }
    }
}

// MARK: - Sending

extension DelayWorkload {
    private func sendSome() {
        let client = self.clients[0]
        client.keep(.milliseconds(10)...(.milliseconds(90))) { [weak self, weak client] in
            guard let self, let client, !self.isFinishing, self.lastValue < Self.messagesMax else {
                return false
            }
            if let master = client.anyMaster() { self.send(by: client, to: master) }
            return true
        }
    }

    private func send(by client: WorkloadClient, to master: BrokerHost) {
        self.lastValue += 1
        let value = self.lastValue
        let delay = 20 + self.world.random.below(1_500)
        var properties = MessageProperties()
        let wish: Wish
        var earliest = self.world.time + Int64(delay) * 1_000_000
        switch self.world.random.below(3) {
        case 0:
            wish = .level
            earliest = self.world.time + 1_000_000_000
            properties[PropertyName.delayLevel] = "1"
        case 1:
            wish = .after
            properties[PropertyName.timerDelayMilliseconds] = String(delay)
        default:
            let wall = client.machine.now().wall.milliseconds + Int64(delay)
            wish = .at(Timestamp(milliseconds: wall))
            properties[PropertyName.timerDeliverAt] = String(wall)
        }
        self.messages[value] = Message(wish: wish, earliest: earliest)
        client.send(value, to: Self.topic, of: master, properties) {
            [weak self, weak client] answer in
            guard let self, let client, case .acknowledged(let acknowledgement) = answer,
                let handle = acknowledgement.recallHandle, self.world.random.percent(35)
            else { return }
            // Some of them as late as can be.
            let slack = self.world.random.duration(in: .zero ... .milliseconds(40))
            let pause =
                self.world.random.oneIn(2)
                ? .milliseconds(delay) - slack
                : self.world.random.duration(in: .zero ... .milliseconds(delay))
            client.machine.after(max(.zero, pause)) { [weak self, weak client] in
                client.map { self?.recall(value, handle, master.group, by: $0) }
            }
        }
    }

    private func recall(
        _ value: UInt64, _ handle: String, _ group: Int, by client: WorkloadClient
    ) {
        guard let master = client.master(of: group), !self.isFinishing else { return }
        let request = RemotingCommand.request(
            .recallMessage, fields: ["topic": Self.topic, "recallHandle": handle])
        let hadAppeared = self.messages[value]?.hasAppeared ?? false
        self.messages[value]?.recalledAt = self.world.time
        client.call(request, to: master) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let answer) where answer.responseCode == .success:
                self.recalled(value)
            case .success(let answer) where answer.responseCode == .illegalOperation:
                self.refused(value, hadAppeared: hadAppeared)
            case _ where !result.mayHaveHappened: self.messages[value]?.recalledAt = nil
            default: self.world.probes.hit("recall without an answer")
            }
        }
    }

    private func recalled(_ value: UInt64) {
        guard self.messages[value]?.hasAppeared != true else {
            return self.world.violated(
                .recalledNever, "\(value) has appeared, and its recall is confirmed")
        }
        self.messages[value]?.isRecalled = true
        self.world.probes.hit("delayed message recalled")
    }

    private func refused(_ value: UInt64, hadAppeared: Bool) {
        self.messages[value]?.recalledAt = nil
        self.world.probes.hit(
            hadAppeared ? "recall came too late" : "recall raced with the message's time")
    }
}

// MARK: - What appears

extension DelayWorkload {
    func confirmed(_ message: ConfirmedMessage) {
        if message.destination == Self.topic {
            self.parked(message)
        } else if message.topic == Self.topic {
            self.appeared(message)
        }
    }

    func lastFired(in group: Int) -> PhysicalOffset? { self.lastFired[group] }

    private func parked(_ message: ConfirmedMessage) {
        guard let due = message.due, self.messages[message.value]?.parked == nil else {
            return self.world.violated(
                .delayedOnce, "\(message.value) waits twice, or without a time")
        }
        self.messages[message.value]?.parked = Parked(
            group: message.group, epoch: message.epoch, due: due, position: message.position)
    }

    private func appeared(_ message: ConfirmedMessage) {
        guard let known = self.messages[message.value] else {
            return self.world.violated(.nothingIsMadeUp, "\(message.value) was never sent")
        }
        if let problem = self.problem(message, known) {
            return self.world.violated(
                known.isRecalled ? .recalledNever : .delayedOnce, "\(message.value) \(problem)")
        }
        self.messages[message.value]?.hasAppeared = true
        guard let parked = known.parked else {
            return self.world.probes.hit("time was over on arrival")
        }
        self.lastFired[parked.group] = parked.position
        self.world.probes.hit("delayed message appeared")
        if parked.epoch != message.epoch {
            self.world.probes.hit("delay fired by another master than accepted it")
        }
    }

    private func problem(_ message: ConfirmedMessage, _ known: Message) -> String? {
        if known.hasAppeared { return "appeared twice" }
        if known.isRecalled { return "appeared, although it was recalled" }
        if self.world.clocks == .right, self.world.time < known.earliest - 1_000_000 {
            return "appeared before \(known.earliest / 1_000_000) ms"
        }
        if let parked = known.parked {
            guard message.storeTimestamp >= parked.due else {
                return "was due at \(parked.due.milliseconds), and stored at "
                    + "\(message.storeTimestamp.milliseconds)"
            }
        } else if !known.wish.isOver(at: message.storeTimestamp), self.world.clocks == .right {
            return "appeared without having waited"
        }
        return self.isLate(known) ? "appeared too late" : nil
    }

    private func isLate(_ known: Message) -> Bool {
        guard let calm = self.outside.workloads?.calmSince, let parked = known.parked,
            self.world.clocks == .right,
            self.outside.workloads?.rottenGroups().contains(parked.group) == false
        else { return false }
        return self.world.time > max(calm, VirtualClock.time(of: parked.due)) + Self.latenessMax
    }
}

extension DelayWorkload.Wish {
    fileprivate func isOver(at time: Timestamp) -> Bool {
        if case .at(let wanted) = self { wanted <= time } else { false }
    }
}

import ClientEngine
import MessageFormat
import RemotingProtocol

/// A consumer that stores its offsets itself, asks for them, and is reset now and then.
final class OffsetWorkload: WorkloadNode {
    static let group = "OF"

    private struct Progress {
        var position: Int64 = 0
        /// The farthest that was ever stored.
        var farthest: Int64 = 0
        /// Under which master the newest offset was acknowledged.
        var epoch: Epoch?
    }

    let clients: [WorkloadClient]
    private let outside: Outside
    private var progress: [MessageQueue: Progress] = [:]
    private var isFinishing = false
    /// Queues that still have to be asked about in the end.
    private var unasked: Set<MessageQueue> = []

    init(_ outside: Outside) {
        self.outside = outside
        self.clients = [WorkloadClient("offset-consumer", number: 9, outside)]
        self.clients[0].began = { [weak self] in self?.begin() }
    }

    private var world: World { self.outside.world }
    private var history: History { self.outside.history }

    private func begin() {
        for group in 0..<self.outside.plan.groups {
            for id in 0..<self.outside.plan.queues {
                let queue = MessageQueue(
                    topic: self.outside.plan.topic,
                    brokerName: self.outside.plan.brokerName(group), queueID: id)
                self.goOn(with: queue, group)
            }
        }
    }

    func finish() {
        self.isFinishing = true
        self.unasked = Set(self.progress.keys)
    }

    let promise = Invariant.recoversWhenHealed

    var unfinished: [String] { self.unasked.map { "the offset on \($0)" }.sorted() }

    /// One thing after the other.
    private func goOn(with queue: MessageQueue, _ group: Int) {
        let client = self.clients[0]
        let pause = self.world.random.duration(in: .milliseconds(10)...(.milliseconds(120)))
        client.machine.after(pause) { [weak self, weak client] in
            guard let self, let client else { return }
            guard let master = client.master(of: group) else {
                return self.goOn(with: queue, group)
            }
            switch self.world.random.below(100) {
            case _ where self.isFinishing: self.ask(queue, master)
            case ..<40: self.pull(queue, master)
            case ..<70: self.commit(queue, master)
            case ..<95: self.ask(queue, master)
            default: self.reset(queue, master)
            }
        }
    }

    private func call(
        _ command: RemotingCommand, _ queue: MessageQueue, _ master: BrokerHost,
        _ completion: @escaping (CallResult) -> Void
    ) {
        self.clients[0].call(command, to: master) { [weak self] result in
            completion(result)
            self?.goOn(with: queue, master.group)
        }
    }
}

extension OffsetWorkload {
    private func pull(_ queue: MessageQueue, _ master: BrokerHost) {
        let position = self.progress[queue, default: Progress()].position
        let request = QueuePull(
            group: Self.group, queue: queue, offset: QueueOffset(position),
            subscription: SubscriptionData(topic: queue.topic, expression: "*", version: 1),
            messagesMax: 8, hold: .zero)
        self.call(request.command, queue, master) { [weak self] result in
            switch PullAnswer(result, of: request) {
            case .found(_, let progress):
                self?.progress[queue]?.position = progress.next.value
            case .moved(let progress):
                self?.progress[queue]?.position = progress.next.value
                self?.history.wasReset(Self.group, queue, to: progress.next.value)
            case .nothing, .refused, .failed: break
            }
        }
    }

    private func commit(_ queue: MessageQueue, _ master: BrokerHost) {
        let offset = self.progress[queue, default: Progress()].position
        let commit = self.history.commitSent(Self.group, queue, offset)
        self.store(
            OffsetRequest.commit(Self.group, queue, QueueOffset(offset)), offset, queue, master
        ) { [weak self] isAcknowledged in
            if isAcknowledged {
                self?.history.acknowledged(commit)
            } else {
                self?.history.answered(commit)
            }
        }
    }

    /// An operator sends the group back.
    private func reset(_ queue: MessageQueue, _ master: BrokerHost) {
        let position = self.progress[queue, default: Progress()].position
        let offset = Int64(self.world.random.below(Int(position) + 1))
        let request = RemotingCommand.request(
            .invokeBrokerToResetOffset,
            fields: [
                "group": Self.group, "isForce": "true", "offset": String(offset),
                "queueId": String(queue.queueID), "timestamp": "0", "topic": queue.topic,
            ])
        let reset = self.history.resetSent(Self.group, queue, offset)
        self.store(request, offset, queue, master) { [weak self] isAcknowledged in
            guard isAcknowledged else { return }
            self?.history.acknowledged(reset)
            self?.progress[queue]?.position = offset
            self?.world.probes.hit("offset reset")
        }
    }

    private func store(
        _ request: RemotingCommand, _ offset: Int64, _ queue: MessageQueue, _ master: BrokerHost,
        _ answered: @escaping (_ isAcknowledged: Bool) -> Void
    ) {
        self.progress[queue, default: Progress()].farthest =
            max(offset, self.progress[queue]?.farthest ?? 0)
        let epoch = master.masterEpoch
        self.call(request, queue, master) { [weak self] result in
            self?.say(offset, request, queue, master, result)
            switch result {
            case .success(let answer) where answer.responseCode == .success:
                self?.progress[queue]?.epoch = epoch
                answered(true)
            case .success:
                self?.world.probes.hit("offset not acknowledged")
                answered(false)
            case .failure: self?.world.probes.hit("offset not acknowledged")
            }
        }
    }

    private func ask(_ queue: MessageQueue, _ master: BrokerHost) {
        let question = self.history.askedOffset(Self.group, queue)
        let epoch = master.masterEpoch
        self.call(OffsetRequest.stored(Self.group, queue), queue, master) { [weak self] result in
            guard let self else { return }
            switch OffsetRequest.answer(result) {
            case .failed: return
            case .none: self.history.answered(question, nil)
            case .offset(let offset):
                self.say(offset.value, nil, queue, master, result)
                self.history.answered(question, offset.value)
                self.check(offset.value, on: queue)
            }
            self.unasked.remove(queue)
            if let stored = self.progress[queue]?.epoch, let epoch, stored < epoch {
                self.world.probes.hit("offset asked for after a failover")
            }
        }
    }

    private func check(_ offset: Int64, on queue: MessageQueue) {
        let farthest = self.progress[queue]?.farthest ?? 0
        guard offset > farthest else { return }
        self.world.violated(
            .offsetsAreDelivered,
            "the group's offset on \(queue) is \(offset), and it never stored more than "
                + "\(farthest)")
    }

    private func say(
        _ offset: Int64, _ stored: RemotingCommand?, _ queue: MessageQueue,
        _ master: BrokerHost, _ result: CallResult
    ) {
        let isReset = stored?.code == RequestCode.invokeBrokerToResetOffset.rawValue
        let what = stored == nil ? "is told" : isReset ? "is reset to" : "stores"
        let isDone = (try? result.get())?.responseCode == .success
        self.world.say(
            "\(self.clients[0].machine.name): \(what) \(offset) on \(queue.brokerName)/"
                + "\(queue.queueID) by \(master.name)\(isDone ? "" : ", not acknowledged")")
    }
}

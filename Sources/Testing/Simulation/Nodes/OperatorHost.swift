import ClientEngine
import MessageFormat
import NIOCore
import RemotingProtocol

/// A machine outside all faults: it makes the topic, and reads everything in the end.
final class OperatorHost {
    let machine: Machine
    private let outside: Outside
    private let history: History
    private var remoting: VirtualRemotingClient?
    private var topicsMade = 0
    /// Queues whose end was reached, and what was found in each.
    private(set) var drained: [MessageQueue: [UInt64]] = [:]
    private var offsets: [MessageQueue: Int64] = [:]
    /// Queues that cannot be read to their end, because a copy was damaged by a fault.
    private(set) var stuck: Set<MessageQueue> = []

    init(outside: Outside, history: History) {
        self.outside = outside
        self.history = history
        self.machine = Machine(name: "operator", host: "10.0.8.1", world: outside.world)
    }

    func start() {
        self.machine.start {}
        self.remoting = VirtualRemotingClient(self.machine, self.outside.network)
        for topic in self.topics {
            for group in 0..<self.outside.plan.groups { self.make(topic, in: group) }
        }
        if self.outside.sabotage == .electOutsideSyncStateSet { self.force() }
    }

    /// Sabotage: somebody presses the button that loses messages whenever it works.
    private func force() {
        for group in 0..<self.outside.plan.groups where self.master(of: group) == nil {
            let members = self.outside.checks.members(of: group).map(\.name)
            let outsider = self.outside.checks.brokers.first {
                $0.group == group && $0.process?.engine != nil && !members.contains($0.name)
            }
            guard let outsider, let id = outsider.identity?.brokerID else { continue }
            let request = ElectMaster(
                clusterName: ClusterPlan.clusterName, brokerName: outsider.brokerName,
                brokerID: id, force: true)
            for address in self.outside.plan.controllerAddresses {
                self.remoting?.call(request.command, to: address, timeout: .seconds(1)) { _ in }
            }
        }
        self.machine.after(.milliseconds(30)) { [weak self] in self?.force() }
    }

    private func master(of group: Int) -> BrokerHost? {
        self.outside.checks.brokers.first {
            $0.group == group && $0.isMaster
        }
    }

    private var topics: [String] {
        [self.outside.plan.topic] + (self.outside.workloads?.topics ?? [])
    }

    var hasMadeTopics: Bool { self.topicsMade == self.topics.count * self.outside.plan.groups }

    private func make(_ topic: String, in group: Int) {
        guard let master = self.master(of: group) else {
            return self.machine.after(.milliseconds(50)) { [weak self] in
                self?.make(topic, in: group)
            }
        }
        let queues = String(self.outside.plan.queues)
        let request = RemotingCommand.request(
            .updateAndCreateTopic,
            fields: [
                "topic": topic, "defaultTopic": "TBW102",
                "readQueueNums": queues, "writeQueueNums": queues, "perm": "6",
                "topicFilterType": "SINGLE_TAG", "topicSysFlag": "0", "order": "false",
            ])
        self.remoting?.call(request, to: master.address, timeout: .seconds(1)) {
            [weak self] result in
            guard let self else { return }
            if case .success(let answer) = result, answer.responseCode == .success {
                self.topicsMade += 1
            } else {
                self.machine.after(.milliseconds(100)) { [weak self] in self?.make(topic, in: group)
                }
            }
        }
    }

    // MARK: Reading everything

    func drain() {
        self.askOffsets()
        for topic in self.topics { self.drain(topic) }
    }

    private func drain(_ topic: String) {
        for group in 0..<self.outside.plan.groups {
            for queue in 0..<self.outside.plan.queues {
                let queue = MessageQueue(
                    topic: topic,
                    brokerName: self.outside.plan.brokerName(group), queueID: queue)
                self.drained[queue] = []
                self.offsets[queue] = 0
                self.pull(queue, group)
            }
        }
    }

    /// What the consumers committed is still there.
    private func askOffsets() {
        for group in 0..<self.outside.plan.groups {
            guard let master = self.master(of: group) else { continue }
            for id in 0..<self.outside.plan.queues {
                let queue = MessageQueue(
                    topic: self.outside.plan.topic,
                    brokerName: self.outside.plan.brokerName(group), queueID: id)
                let question = self.history.askedOffset(ConsumerHost.group, queue)
                self.remoting?.call(
                    OffsetRequest.stored(ConsumerHost.group, queue), to: master.address,
                    timeout: .seconds(1)
                ) { [weak self] result in
                    guard case .success(let answer) = result,
                        [.success, .queryNotFound].contains(answer.responseCode)
                    else { return }
                    self?.history.answered(question, (try? answer.int64("offset")) ?? nil)
                }
            }
        }
    }

    private func pull(_ queue: MessageQueue, _ group: Int) {
        guard let master = self.master(of: group) else { return self.pullLater(queue, group) }
        let request = QueuePull(
            group: "drain", queue: queue, offset: QueueOffset(self.offsets[queue] ?? 0),
            subscription: SubscriptionData(
                topic: queue.topic, expression: "*", version: 1),
            messagesMax: 64, hold: .zero)
        self.remoting?.call(request.command, to: master.address, timeout: .seconds(1)) {
            [weak self] result in
            self?.pulled(PullAnswer(result, of: request), queue, group, from: master)
        }
    }

    private func pullLater(_ queue: MessageQueue, _ group: Int) {
        self.machine.after(.milliseconds(100)) { [weak self] in self?.pull(queue, group) }
    }

    private func pulled(
        _ answer: PullAnswer, _ queue: MessageQueue, _ group: Int, from master: BrokerHost
    ) {
        switch answer {
        case .found(let messages, let progress):
            for message in messages { self.read(message, of: queue) }
            self.offsets[queue] = progress.next.value
            self.pull(queue, group)
        case .nothing(let progress) where progress.next.value >= progress.max.value:
            if queue.topic != self.outside.plan.topic { self.outside.workloads?.readToEnd(queue) }
            self.done.insert(queue)
        case .nothing(let progress):
            self.offsets[queue] = progress.next.value
            self.pull(queue, group)
        case .moved(let progress):
            self.outside.world.say("the final reading of \(queue) was moved to \(progress.next)")
            self.done.insert(queue)
        case .refused where master.store.isDamaged && self.isOutOfPatience(with: queue):
            // Damage is told, not served: the message counts as unreadable, not as lost.
            self.stuck.insert(queue)
            self.done.insert(queue)
        case .refused, .failed: self.pullLater(queue, group)
        }
    }

    private func read(_ message: InboundMessage, of queue: MessageQueue) {
        guard let value = History.value(in: message.body) else { return }
        if queue.topic == self.outside.plan.topic {
            self.history.saw(message, by: "the final reading")
            self.drained[queue]?.append(value)
        } else {
            self.outside.workloads?.read(value, of: queue, at: message.queueOffset)
        }
    }

    /// A damaged index is made anew, and a master whose log lacks messages gives way.
    private func isOutOfPatience(with queue: MessageQueue) -> Bool {
        self.refusals[queue, default: 0] += 1
        return self.refusals[queue, default: 0] > 40
    }

    private var refusals: [MessageQueue: Int] = [:]
    private var done: Set<MessageQueue> = []

    var isDrained: Bool { !self.drained.isEmpty && self.done.count == self.drained.count }
}

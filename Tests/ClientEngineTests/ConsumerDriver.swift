import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol
import Testing

/// Drives a consumer's engine: collects effects and plays the servers.
struct ConsumerDriver {
    struct Pull {
        var token: CallToken
        var request: QueuePull
        var address: String
    }

    var engine: ConsumerEngine
    var now = Tick.zero
    var calls: [ClientCall] = []
    var pulls: [Pull] = []
    var assigned: [MessageQueue] = []
    var revoked: [MessageQueue] = []
    var kept: [MessageQueue: QueueOffset] = [:]
    var isClosed = false

    init(
        tags: String = "*", _ change: (inout ConsumerEngine.Configuration) -> Void = { _ in }
    ) {
        var configuration = ConsumerEngine.Configuration(
            group: "G", clientID: "c1", nameServers: ["ns:1"],
            subscriptions: [SubscriptionData(topic: "T", expression: tags, version: 1)])
        change(&configuration)
        self.engine = ConsumerEngine(configuration, at: .zero)
    }

    mutating func collect() {
        for effect in self.engine.takeEffects() {
            switch effect {
            case .call(let call): self.calls.append(call)
            case .pull(let token, let request, let address, _):
                self.pulls.append(Pull(token: token, request: request, address: address))
            case .assigned(let queue, _): self.assigned.append(queue)
            case .revoked(let queue, _): self.revoked.append(queue)
            case .available: break
            case .keepOffsets(let offsets): self.kept = offsets
            case .closed: self.isClosed = true
            }
        }
    }

    mutating func nextCall(_ code: RequestCode) -> ClientCall? {
        self.calls.firstIndex { $0.command.code == code.rawValue }
            .map { self.calls.remove(at: $0) }
    }

    mutating func nextPull() -> Pull? { self.pulls.isEmpty ? nil : self.pulls.removeFirst() }

    mutating func end(_ call: ClientCall?, _ result: CallResult) {
        guard let call else {
            Issue.record("the engine has not made the call that the test answers")
            return
        }
        self.engine.ended(call.token, result, at: self.now)
        self.collect()
    }

    mutating func end(_ pull: Pull?, _ result: CallResult) {
        guard let pull else {
            Issue.record("the engine has not made the pull that the test answers")
            return
        }
        self.engine.pulled(pull.token, PullAnswer(result, of: pull.request), at: self.now)
        self.collect()
    }

    mutating func advance(to tick: Tick) {
        self.now = tick
        self.engine.advance(to: tick)
        self.collect()
    }

    mutating func take() -> ConsumerEngine.Delivery? {
        let taken = self.engine.take(at: self.now)
        self.collect()
        return taken
    }

    @discardableResult
    mutating func acknowledge(_ delivery: ConsumerEngine.Delivery?) -> Bool {
        guard let delivery else { return false }
        let isDone = self.engine.acknowledge(
            delivery.message.queueOffset, of: delivery.assignment, at: self.now)
        self.collect()
        return isDone
    }

    /// From the start until the members are asked for.
    mutating func join(brokers: [String] = ["a"], queues: Int32 = 1) {
        self.engine.start(at: self.now)
        self.collect()
        self.end(
            self.nextCall(.getRouteInfoByTopic), Answers.route(brokers, queues: queues))
        while let beat = self.nextCall(.heartBeat) { self.end(beat, Answers.command(.success)) }
    }

    /// Answers the question for the members until none is open.
    mutating func members(_ ids: [String]) {
        while let call = self.nextCall(.getConsumerListByGroup) {
            self.end(call, Answers.members(ids))
        }
    }

    /// Joined alone, one queue, the group's offset known: a first pull is under way.
    mutating func begin(at offset: Int64 = 0) {
        self.join()
        self.members(["c1"])
        self.end(self.nextCall(.queryConsumerOffset), Answers.offset(offset))
    }
}

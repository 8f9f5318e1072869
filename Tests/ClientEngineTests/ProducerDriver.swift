import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol

/// Drives a producer's engine: collects effects, answers what the test does not care about.
struct ProducerDriver {
    var engine: ProducerEngine
    var now = Tick.zero
    var calls: [ClientCall] = []
    var transmissions: [Transmission] = []
    var results: [SendID: SendResult] = [:]
    var ended: [String: TransactionEnds.Result] = [:]
    private var lastID: UInt64 = 0

    init(
        nameServers: [String] = ["ns:1"],
        _ change: (inout ProducerEngine.Configuration) -> Void = { _ in }
    ) {
        var configuration = ProducerEngine.Configuration(
            group: "P", clientID: "c", nameServers: nameServers)
        change(&configuration)
        self.engine = ProducerEngine(configuration)
    }

    mutating func collect() {
        for effect in self.engine.takeEffects() {
            switch effect {
            case .call(let call): self.calls.append(call)
            case .transmit(let transmission): self.transmissions.append(transmission)
            case .finished(let id, let result): self.results[id] = result
            case .transactionEnded(let id, let result): self.ended[id] = result
            }
        }
    }

    @discardableResult
    mutating func send(
        _ placement: OutgoingSend.Placement = .anyQueue, topic: String = "T",
        kind: OutgoingSend.Kind = .plain
    ) -> SendID {
        self.lastID += 1
        let message = OutgoingMessage(
            body: [1], properties: MessageProperties(), uniqueKey: "id\(self.lastID)")
        self.engine.send(
            OutgoingSend(
                topic: topic, messages: [message], kind: kind, placement: placement),
            as: SendID(self.lastID), at: self.now)
        self.collect()
        return SendID(self.lastID)
    }

    /// The oldest call that was not taken yet.
    mutating func nextCall() -> ClientCall? {
        self.calls.isEmpty ? nil : self.calls.removeFirst()
    }

    mutating func nextCall(_ code: RequestCode) -> ClientCall? {
        self.calls.firstIndex { $0.command.code == code.rawValue }
            .map { self.calls.remove(at: $0) }
    }

    mutating func nextTransmission() -> Transmission? {
        self.transmissions.isEmpty ? nil : self.transmissions.removeFirst()
    }

    mutating func end(_ call: ClientCall?, _ result: CallResult) {
        guard let call else { return }
        self.engine.ended(call.token, result, at: self.now)
        self.collect()
    }

    mutating func end(_ transmission: Transmission?, _ result: CallResult) {
        guard let transmission else { return }
        self.engine.attempted(
            transmission.id, attempt: transmission.attempt, SendAnswer(result), at: self.now)
        self.collect()
    }

    mutating func advance(to tick: Tick) {
        self.now = tick
        self.engine.advance(to: tick)
        self.collect()
    }

    /// Answers the topic's lookup; heartbeats stay unanswered.
    mutating func route(_ brokers: [String], queues: Int32 = 2) {
        self.end(self.nextCall(.getRouteInfoByTopic), Answers.route(brokers, queues: queues))
        self.calls.removeAll { $0.command.code == RequestCode.heartBeat.rawValue }
    }
}

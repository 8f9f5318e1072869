import ClientCore
import ClientEngine
import MessageFormat
import RemotingProtocol

/// Drives a pop consumer's engine: collects effects, answers what the test does not care about.
struct PopDriver {
    var engine: PopEngine
    var now = Now(tick: .zero, wall: Timestamp(milliseconds: 1_000_000))
    var calls: [ClientCall] = []
    var received: [PopEngine.ID: Result<[PoppedMessage], PopFailure>] = [:]
    var settled: [PopEngine.ID: Result<PopTicket?, PopFailure>] = [:]
    var isClosed = false
    private var lastID: UInt64 = 0

    init(tags: String = "*", returnsOnClose: Bool = false) {
        var configuration = PopEngine.Configuration(
            group: "G", clientID: "c", nameServers: ["ns:1"],
            subscriptions: [SubscriptionData(topic: "T", expression: tags, version: 1)])
        configuration.returnsOnClose = returnsOnClose
        self.engine = PopEngine(configuration)
        self.engine.start(at: self.now)
        self.collect()
    }

    mutating func collect() {
        for effect in self.engine.takeEffects() {
            switch effect {
            case .call(let call): self.calls.append(call)
            case .received(let id, let result): self.received[id] = result
            case .settled(let id, let result): self.settled[id] = result
            case .closed: self.isClosed = true
            }
        }
    }

    @discardableResult
    mutating func receive(
        max: Int = 32, invisible: Duration = .seconds(60), wait: Duration = .seconds(15)
    ) -> PopEngine.ID {
        self.lastID += 1
        let id = PopEngine.ID(self.lastID)
        self.engine.receive(
            id, messagesMax: max, invisibleTime: invisible, wait: wait, at: self.now)
        self.collect()
        return id
    }

    mutating func settle(_ settlement: PopSettlement) -> PopEngine.ID {
        self.lastID += 1
        let id = PopEngine.ID(self.lastID)
        self.engine.settle(id, settlement, within: .seconds(10), at: self.now)
        self.collect()
        return id
    }

    mutating func nextCall(_ code: RequestCode, to address: String? = nil) -> ClientCall? {
        self.calls.firstIndex {
            $0.command.code == code.rawValue && (address == nil || $0.address == address)
        }.map { self.calls.remove(at: $0) }
    }

    mutating func end(_ call: ClientCall?, _ result: CallResult) {
        guard let call else { return }
        self.engine.ended(call.token, result, at: self.now)
        self.collect()
    }

    mutating func advance(to milliseconds: Int) {
        self.now = Now(
            tick: ms(milliseconds),
            wall: Timestamp(milliseconds: 1_000_000 + Int64(milliseconds)))
        self.engine.advance(to: self.now)
        self.collect()
    }

    mutating func route(_ brokers: [String], masterOf masters: [String: String] = [:]) {
        self.end(
            self.nextCall(.getRouteInfoByTopic), Answers.route(brokers, masterOf: masters))
    }

    /// The messages at these offsets of queue 0, popped now.
    func popped(_ offsets: [Int64], tag: String? = nil, invisible: Int64 = 60_000) -> CallResult {
        Answers.command(
            .success,
            fields: [
                "invisibleTime": String(invisible),
                "msgOffsetInfo": "0 0 " + offsets.map(String.init).joined(separator: ","),
                "popTime": String(self.now.wall.milliseconds), "restNum": "0",
                "reviveQid": "2", "startOffsetInfo": "0 0 \(offsets.first ?? 0)",
            ], body: Answers.messages(offsets, tag: tag))
    }

    func messages(_ id: PopEngine.ID) -> [PoppedMessage]? {
        self.received[id].flatMap { try? $0.get() }
    }

    func offsets(_ id: PopEngine.ID) -> [Int64]? {
        self.messages(id)?.map(\.message.queueOffset.value)
    }
}

import Logging
import MessageFormat
import RemotingProtocol
import RemotingTransport

/// Keeps this broker known at every name server.
///
/// The full table goes out at the start, every ten seconds, at once when topics or the broker's
/// role have changed, and after a connection to a name server was lost. The connection itself tells
/// the name server that the broker lives, and its end that it does not.
///
/// Each name server has a loop of its own, which asks for the table each time: what is sent is how
/// the broker is then, and a name server that hangs keeps nobody else waiting.
actor NameServerRegistrar {
    private let client: RemotingClient
    private let nameServers: [String]
    private let identity: RegistrarIdentity
    private let lostConnections: AsyncStream<String>
    private let table: @Sendable () async -> Registration
    /// Where the controllers are, as far as this broker knows; tools ask the name servers for it.
    private let controllers: @Sendable () -> [String]
    private let logger: Logger
    private var unreachable: Set<String> = []
    private var wakers: [String: AsyncStream<Void>.Continuation] = [:]
    private var dueAt: [String: ContinuousClock.Instant] = [:]
    /// Where this broker is registered.
    private var known: Set<String> = []
    /// Which controllers each name server was told of, since the connection to it was made.
    private var announced: [String: [String]] = [:]

    private static let period = Duration.seconds(10)
    private static let retryPeriod = Duration.milliseconds(250)
    private static let timeout = Duration.seconds(3)

    init(
        client: RemotingClient, nameServers: [String], identity: RegistrarIdentity,
        lostConnections: AsyncStream<String>, logger: Logger,
        controllers: @escaping @Sendable () -> [String] = { [] },
        table: @escaping @Sendable () async -> Registration
    ) {
        self.client = client
        self.nameServers = nameServers
        self.identity = identity
        self.lostConnections = lostConnections
        self.logger = logger
        self.controllers = controllers
        self.table = table
    }

    /// Registers until the task is cancelled, then says goodbye.
    func run() async {
        await withDiscardingTaskGroup { group in
            for nameServer in Set(self.nameServers) {
                let wakes = self.makeWakes(for: nameServer)
                group.addTask { await self.keepRegistered(at: nameServer, wakes) }
            }
            group.addTask { await self.wakeInTime() }
            group.addTask {
                for await address in self.lostConnections { await self.lostConnection(to: address) }
            }
        }
        let last = await self.table()
        for nameServer in self.nameServers { self.sayGoodbye(to: nameServer, as: last.brokerID) }
    }

    private func makeWakes(for nameServer: String) -> AsyncStream<Void> {
        let (wakes, waker) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.wakers[nameServer] = waker
        waker.yield()
        return wakes
    }

    private func keepRegistered(at nameServer: String, _ wakes: AsyncStream<Void>) async {
        for await _ in wakes {
            self.dueAt[nameServer] = nil
            let isReached = await self.register(await self.table(), at: nameServer)
            self.dueAt[nameServer] =
                ContinuousClock.now + (isReached ? Self.period : Self.retryPeriod)
        }
    }

    private func wakeInTime() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.retryPeriod)
            let now = ContinuousClock.now
            for (nameServer, due) in self.dueAt where due <= now {
                self.wakers[nameServer]?.yield()
            }
        }
    }

    /// Topics, or the role, have changed: every name server hears of it at once. The whole table
    /// goes out, so that a word that came late or not at all is made good by the next.
    func announce() {
        for waker in self.wakers.values { waker.yield() }
    }

    /// A name server's connection was lost: it has forgotten us, or is about to.
    private func lostConnection(to nameServer: String) {
        self.announced[nameServer] = nil
        guard self.dueAt[nameServer] != nil else { return }
        self.dueAt[nameServer] = ContinuousClock.now + Self.retryPeriod
    }

    private func register(_ registration: Registration, at nameServer: String) async -> Bool {
        guard let id = registration.brokerID else {
            if self.known.remove(nameServer) != nil { self.sayGoodbye(to: nameServer, as: nil) }
            return true
        }
        do {
            self.known.insert(nameServer)
            let answer = try await self.client.call(
                self.identity.registration(registration.body, id: id), to: nameServer,
                timeout: Self.timeout)
            let reached = answer.code == ResponseCode.success.rawValue
            self.note(nameServer, reached ? nil : "answered \(answer.code) \(answer.remark ?? "")")
            if reached { self.announceControllers(to: nameServer) }
            return reached
        } catch {
            if !Task.isCancelled { self.note(nameServer, "\(error)") }
            return false
        }
    }

    private func announceControllers(to nameServer: String) {
        let addresses = self.controllers()
        guard !addresses.isEmpty, self.announced[nameServer] != addresses else { return }
        self.announced[nameServer] = addresses
        let announcement = ControllerDirectory.announcement(
            cluster: self.identity.clusterName, addresses: addresses)
        self.client.sendOneWay(announcement, to: nameServer)
    }

    private func sayGoodbye(to nameServer: String, as id: Int64?) {
        self.client.sendOneWay(self.identity.farewell(id: id ?? 0), to: nameServer)
    }

    private func note(_ nameServer: String, _ problem: String?) {
        guard let problem else {
            if self.unreachable.remove(nameServer) != nil {
                self.logger.info("registered again", metadata: ["nameServer": "\(nameServer)"])
            }
            return
        }
        guard self.unreachable.insert(nameServer).inserted else { return }
        self.logger.warning(
            "not registered, trying on: \(problem)", metadata: ["nameServer": "\(nameServer)"])
    }
}

/// What name servers are told.
struct Registration: Sendable {
    /// 0 for a master, its own id for a replica; nil while the broker is neither.
    var brokerID: Int64?
    var body: RegisterBrokerBody
}

/// Who registers.
struct RegistrarIdentity: Sendable {
    var clusterName: String
    var brokerName: String
    var address: String
    var replicationAddress: String

    func registration(_ body: RegisterBrokerBody, id: Int64) -> RemotingCommand {
        let bytes = body.encoded
        let checksum = bytes.withUnsafeBytes { Checksum.ofBody($0) }
        return .request(
            .registerBroker,
            fields: [
                "brokerName": self.brokerName, "brokerAddr": self.address,
                "clusterName": self.clusterName, "haServerAddr": self.replicationAddress,
                "brokerId": String(id), "compressed": "false",
                "bodyCrc32": String(checksum),
            ], body: bytes)
    }

    func farewell(id: Int64) -> RemotingCommand {
        .request(
            .unregisterBroker,
            fields: [
                "brokerName": self.brokerName, "brokerAddr": self.address,
                "clusterName": self.clusterName, "brokerId": String(id),
            ], oneWay: true)
    }
}

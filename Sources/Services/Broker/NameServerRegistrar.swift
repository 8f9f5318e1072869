import Logging
import MessageFormat
import RemotingProtocol
import RemotingTransport

/// Keeps this broker known at every name server.
///
/// The full table goes out at the start, every ten seconds, and at once after a connection to a
/// name server was lost; a topic that changed goes out at once on its own. The connection itself
/// tells the name server that the broker lives, and its end that it does not.
actor NameServerRegistrar {
    private let client: RemotingClient
    private let nameServers: [String]
    private let identity: RegistrarIdentity
    private let lostConnections: AsyncStream<String>
    private let table: @Sendable () async -> RegisterBrokerBody
    private let logger: Logger
    private var unreachable: Set<String> = []
    /// Name servers whose connection was lost since they were told last.
    private var forgotten: Set<String> = []
    private var isAnnouncing = false
    private var hasMoreToAnnounce = false

    private static let period = Duration.seconds(10)
    private static let retryPeriod = Duration.milliseconds(250)
    private static let timeout = Duration.seconds(3)

    init(
        client: RemotingClient, nameServers: [String], identity: RegistrarIdentity,
        lostConnections: AsyncStream<String>, logger: Logger,
        table: @escaping @Sendable () async -> RegisterBrokerBody
    ) {
        self.client = client
        self.nameServers = nameServers
        self.identity = identity
        self.lostConnections = lostConnections
        self.logger = logger
        self.table = table
    }

    /// Registers until the task is cancelled, then says goodbye.
    func run() async {
        await withDiscardingTaskGroup { group in
            for nameServer in self.nameServers {
                group.addTask { await self.keepRegistered(at: nameServer) }
            }
            group.addTask {
                for await address in self.lostConnections { await self.lostConnection(to: address) }
            }
        }
        for nameServer in self.nameServers {
            self.client.sendOneWay(self.identity.farewell, to: nameServer)
        }
    }

    private func keepRegistered(at nameServer: String) async {
        while !Task.isCancelled {
            self.forgotten.remove(nameServer)
            let isReached = await self.register(await self.table(), at: nameServer)
            let next = ContinuousClock.now + (isReached ? Self.period : Self.retryPeriod)
            while ContinuousClock.now < next, !self.forgotten.contains(nameServer),
                !Task.isCancelled
            {
                try? await Task.sleep(for: Self.retryPeriod)
            }
        }
    }

    /// Topics have changed: every name server hears of it before the next regular time. The whole
    /// table goes out, so that a word that came late or not at all is made good by the next.
    func announce() async {
        self.hasMoreToAnnounce = true
        guard !self.isAnnouncing else { return }
        self.isAnnouncing = true
        while self.hasMoreToAnnounce {
            self.hasMoreToAnnounce = false
            let body = await self.table()
            await withDiscardingTaskGroup { group in
                for nameServer in self.nameServers {
                    group.addTask { _ = await self.register(body, at: nameServer) }
                }
            }
        }
        self.isAnnouncing = false
    }

    /// A name server's connection was lost: it has forgotten us, or is about to.
    private func lostConnection(to nameServer: String) {
        if self.nameServers.contains(nameServer) { self.forgotten.insert(nameServer) }
    }

    private func register(_ body: RegisterBrokerBody, at nameServer: String) async -> Bool {
        do {
            let answer = try await self.client.call(
                self.identity.registration(body), to: nameServer, timeout: Self.timeout)
            let reached = answer.code == ResponseCode.success.rawValue
            self.note(nameServer, reached ? nil : "answered \(answer.code) \(answer.remark ?? "")")
            return reached
        } catch {
            self.note(nameServer, "\(error)")
            return false
        }
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

/// Who registers.
struct RegistrarIdentity: Sendable {
    var clusterName: String
    var brokerName: String
    var brokerID: Int64
    var address: String

    func registration(_ body: RegisterBrokerBody) -> RemotingCommand {
        let bytes = body.encoded
        let checksum = bytes.withUnsafeBytes { Checksum.ofBody($0) }
        return .request(
            .registerBroker,
            fields: [
                "brokerName": self.brokerName, "brokerAddr": self.address,
                "clusterName": self.clusterName, "haServerAddr": self.address,
                "brokerId": String(self.brokerID), "compressed": "false",
                "bodyCrc32": String(checksum),
            ], body: bytes)
    }

    var farewell: RemotingCommand {
        .request(
            .unregisterBroker,
            fields: [
                "brokerName": self.brokerName, "brokerAddr": self.address,
                "clusterName": self.clusterName, "brokerId": String(self.brokerID),
            ], oneWay: true)
    }
}

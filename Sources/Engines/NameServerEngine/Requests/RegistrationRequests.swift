import MessageFormat
import RemotingProtocol
import RoutingCore

/// What brokers say about themselves.
extension NameServerEngine {
    /// Code 103. A replica is told where its master is.
    mutating func registerBroker(_ request: Request) throws(RequestFailure) -> Answer {
        let registration = try Self.registration(request)
        let outcome: RegistrationOutcome
        do {
            outcome = try self.routes.register(
                registration, over: BrokerLink(request.connection), at: request.now.tick)
        } catch { throw .refused(error) }

        var answer = Answer(body: self.orderTable)
        answer.event = Self.event(of: outcome, registration)
        if case .accepted(_, let master?) = outcome {
            answer.fields = [
                HeaderField("haServerAddr", master.replicationAddress),
                HeaderField("masterAddr", master.address),
            ]
        }
        return answer
    }

    /// Code 104.
    mutating func unregisterBroker(_ request: Request) throws(RequestFailure) -> Answer {
        let departure = self.routes.unregister(
            name: try request.text("brokerName"), address: try request.text("brokerAddr"))
        guard let departure else { return Answer() }
        return Answer(
            event: .brokerGone(
                departure.broker, address: departure.address, because: .signedOff))
    }

    /// Code 322: does the broker need to register again?
    mutating func queryDataVersion(_ request: Request) throws(RequestFailure) -> Answer {
        let asked = try request.body(as: DataVersion.self)
        let known = self.routes.confirmVersion(
            asked, name: try request.text("brokerName"), address: try request.text("brokerAddr"),
            at: request.now.tick)
        return Answer(
            fields: [HeaderField("changed", "\(known != asked)")], body: known?.encoded ?? [])
    }

    /// Code 904.
    mutating func brokerHeartbeat(_ request: Request) throws(RequestFailure) -> Answer {
        self.routes.heartbeat(
            name: try request.text("brokerName"), address: try request.text("brokerAddr"),
            at: request.now.tick)
        return Answer()
    }

    /// Code 217: one topic of brokers that are registered.
    mutating func registerTopic(_ request: Request) throws(RequestFailure) -> Answer {
        let topic = try request.text("topic")
        let route = try request.body(as: TopicRouteData.self)
        do {
            try self.routes.registerTopic(
                topic, shares: route.queues.map { ($0.brokerName, QueueShare($0)) })
        } catch { throw .refused(error) }
        return Answer()
    }

    /// The queues of ordered topics, which brokers hand on to clients of old versions.
    private var orderTable: [UInt8] {
        guard self.settings.returnOrderTopicConfigToBroker,
            let entries = self.keyValues.entries(of: Self.orderNamespace)
        else { return [] }
        return KVTable(table: entries).encoded
    }

    private static func event(
        of outcome: RegistrationOutcome, _ registration: BrokerRegistration
    ) -> NameServerEvent? {
        let broker = BrokerKey(name: registration.name, id: registration.id)
        switch outcome {
        case .accepted(isNew: true, _):
            return .brokerRegistered(
                broker, address: registration.address, topics: registration.topics.count)
        case .accepted(isNew: false, _): return nil
        case .outdated(let holder):
            return .registrationIgnored(broker, address: registration.address, holder: holder)
        }
    }
}

extension NameServerEngine {
    private static func registration(
        _ request: Request
    ) throws(RequestFailure) -> BrokerRegistration {
        let body = try Self.registrationBody(request)
        var registration = BrokerRegistration(
            cluster: try request.text("clusterName"), name: try request.text("brokerName"),
            id: try request.requiredInt64("brokerId"), address: try request.text("brokerAddr"),
            topics: body?.topics ?? [],
            dataVersion: body?.dataVersion ?? DataVersion(timestamp: Timestamp(milliseconds: 0)))
        registration.replicationAddress = request.command.string("haServerAddr") ?? ""
        registration.silenceMilliseconds = try request.int64("heartbeatTimeoutMillis")
        registration.enableActingMaster = try request.bool("enableActingMaster")
        return registration
    }

    /// Nil when there is none: such a broker has no topics.
    private static func registrationBody(
        _ request: Request
    ) throws(RequestFailure) -> RegisterBrokerBody? {
        let sent = try request.int32("bodyCrc32") ?? 0
        let actual = request.command.withBodyBytes { Checksum.ofBody($0) }
        guard sent == 0 || sent == actual else { throw .wrongChecksum }

        guard let firstByte = request.command.withBodyBytes({ $0.first }) else { return nil }
        guard firstByte != Self.zlibFirstByte else {
            throw .badBody("the body is compressed; set compressedRegister=false on the broker")
        }
        return try request.body(as: RegisterBrokerBody.self)
    }

    /// Brokers do not always say that a body is compressed; JSON never starts so.
    private static let zlibFirstByte: UInt8 = 0x78
}

extension QueueShare {
    fileprivate init(_ data: QueueData) {
        self.init(
            readQueues: data.readQueues, writeQueues: data.writeQueues,
            permission: data.permission, systemFlag: data.systemFlag)
    }
}

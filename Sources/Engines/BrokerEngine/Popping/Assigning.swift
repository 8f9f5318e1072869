import DeliveryCore
package import MessageFormat
package import RemotingProtocol

/// A client asked for its queues while it is found out where the topic lies.
struct AssignmentJob: Sendable {
    var caller: Caller
    var body: QueryAssignmentBody
    var strategy: AssignmentStrategy
}

/// Where topics lie beside this broker, as name servers said lately.
struct KnownRoutes: Sendable {
    /// So long a route is not asked for again.
    static let freshFor = Duration.seconds(3)
    static let countMax = 1_024

    private var routes: [String: (queues: [QueueData], at: Tick)] = [:]

    func fresh(_ topic: String, at now: Tick) -> [QueueData]? {
        self.routes[topic].flatMap { now - $0.at < Self.freshFor ? $0.queues : nil }
    }

    /// The newest that was ever heard.
    func last(_ topic: String) -> [QueueData]? { self.routes[topic]?.queues }

    mutating func note(_ topic: String, _ queues: [QueueData], at now: Tick) {
        if self.routes.count >= Self.countMax, self.routes[topic] == nil { self.routes = [:] }
        self.routes[topic] = (queues, now)
    }
}

// The broker shares queues out for clients that do not themselves, and says how to get messages.
extension BrokerEngine {
    mutating func queryAssignment(_ command: ReceivedCommand, from caller: Caller) throws {
        let body = try QueryAssignmentBody(bodyOf: command)
        guard let strategy = AssignmentStrategy(rawValue: body.strategyName) else {
            throw Refusal(
                .systemError,
                "the strategy \(body.strategyName.prefix(64)) is not known here, use AVG or "
                    + "AVG_BY_CIRCLE")
        }
        let job = AssignmentJob(caller: caller, body: body, strategy: strategy)
        if let queues = self.routes.fresh(body.topic, at: self.now.tick) {
            return self.assign(job, queues)
        }
        self.effects.append(.lookUpRoute(self.reads.add(.route(job)), topic: body.topic))
    }

    /// Name servers said where a topic lies; of a topic that none knows, with nothing in it.
    package mutating func routeFound(
        _ ticket: Ticket, _ result: Result<TopicRouteData, ReadFailure>, at now: Now
    ) {
        self.now = now
        guard case .route(let job) = self.reads.take(ticket) else { return }
        switch result {
        case .success(let route):
            self.routes.note(job.body.topic, route.queues, at: now.tick)
            self.assign(job, route.queues)
        case .failure(let failure):
            guard let queues = self.routes.last(job.body.topic) else {
                return self.refuse(job.caller, Refusal(.systemError, failure.reason))
            }
            self.assign(job, queues)
        }
    }

    private mutating func assign(_ job: AssignmentJob, _ route: [QueueData]) {
        let body = job.body
        let choice = self.delivery.requestModes.choice(
            group: body.consumerGroup, topic: body.topic)
        let share = PopAssignment.share(
            of: body.clientID, queues: self.queues(of: body.topic, route),
            clientIDs: self.consumers.clientIDs(of: body.consumerGroup),
            strategy: job.strategy, mode: choice?.mode ?? .pull,
            shareNumber: choice?.shareNumber ?? 0,
            isBroadcasting: body.messageModel == .broadcasting)
        let items = share.map {
            QueueAssignments.Item(queue: $0.queue, mode: $0.mode.rawValue)
        }
        self.succeed(job.caller, body: QueueAssignments(items: items).encoded)
    }

    /// What this broker has it knows best; name servers know the others'.
    private func queues(of topic: String, _ route: [QueueData]) -> [MessageQueue] {
        var counts: [String: Int32] = [:]
        for data in route where data.permission.contains(.read) {
            counts[data.brokerName] = min(data.readQueues, TopicTable.queuesMax)
        }
        let own = self.delivery.topics.config(topic)
        let isReadable = own?.permission.contains(.read) == true
        counts[self.settings.brokerName] = isReadable ? own?.readQueues : nil
        return counts.sorted { $0.key < $1.key }.flatMap { name, count in
            (0..<max(0, count)).map {
                MessageQueue(topic: topic, brokerName: name, queueID: $0)
            }
        }
    }

    mutating func setRequestMode(_ command: ReceivedCommand, from caller: Caller) throws {
        let body = try RequestModeBody(bodyOf: command)
        guard let mode = RequestMode(rawValue: body.mode) else {
            throw Refusal(.invalidParameter, "the mode is PULL or POP, not \(body.mode.prefix(64))")
        }
        try self.admit()
        do {
            let record = try self.delivery.requestModes.choose(
                RequestModeChoice(
                    group: body.consumerGroup, topic: body.topic, mode: mode,
                    shareNumber: body.popShareQueues))
            _ = self.append(record)
        } catch {
            throw Self.refusal(of: error)
        }
        self.succeedWhenConfirmed(caller)
    }

    private static func refusal(of refusal: RequestModeRefusal) -> Refusal {
        switch refusal {
        case .retryTopic: Refusal(.noPermission, "retry topics are always pulled")
        case .illegalName: Refusal(.invalidParameter, "the group's or the topic's name is illegal")
        case .tableFull(let countMax):
            Refusal(.systemError, "the broker has \(countMax) modes, no more are allowed")
        }
    }

    mutating func allRequestModes(_ caller: Caller) {
        let choices = self.delivery.requestModes.all.map {
            RequestModeBody(
                consumerGroup: $0.group, topic: $0.topic, mode: $0.mode.rawValue,
                popShareQueues: $0.shareNumber)
        }
        self.succeed(caller, body: RequestModeList(choices: choices).encoded)
    }
}

import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

// SEND: checks, then offsets, then a place in the batch. The answer waits for the confirm offset.
extension BrokerEngine {
    mutating func send(_ command: ReceivedCommand, from caller: Caller) throws {
        if let refusal = self.overload(command) { return self.refuse(caller, refusal) }
        guard !self.isIndexingBehind else { return self.refuse(caller, Self.indexingBehind) }
        let request = try SendRequest(command)
        try self.admit()
        let config = try self.topicForSend(request)
        let queueID = try self.writeQueue(request, of: config)
        let before = self.log.end
        defer { self.noteTaken(request.topic, from: before) }
        try command.withBodyBytes { body in
            if request.isBatch {
                try self.sendBatch(request, body, to: config, queueID, from: caller)
            } else {
                try self.sendOne(
                    request, body, to: config, queueID, asked: command, from: caller)
            }
        }
    }

    /// Refuses at once what could only wait too long.
    func admit() throws {
        if let refusal = self.refusal { throw refusal }
        guard self.mayServe else { throw self.notMaster }
        try self.checkReplicas()
        guard self.mayGather else {
            let waiting = self.log.end.distance(from: self.progress.confirmed)
            throw Refusal(
                .systemBusy,
                "[OVERLOAD] \(waiting) bytes wait for disk and replicas, at most "
                    + "\(self.settings.unconfirmedBytesMax) may; try again or use another broker")
        }
    }

    /// Whether more may wait for the disk.
    var mayGather: Bool {
        self.log.end.distance(from: self.progress.confirmed) <= self.settings.unconfirmedBytesMax
    }

    /// Why a send is not taken that would wait too long, or makes others wait. Nothing of it has
    /// been looked at yet but its topic.
    private mutating func overload(_ command: ReceivedCommand) -> Refusal? {
        let waiting = self.log.end.distance(from: self.progress.confirmed)
        guard self.admission.isTight(waiting: waiting, self.pressure, at: self.now.tick) else {
            return nil
        }
        let verdict = self.admission.verdict(
            topic: SendRequest.topic(of: command), waiting: waiting, self.pressure,
            at: self.now.tick)
        switch verdict {
        case .taken: return nil
        case .tooMuchWaits: return Self.tooMuchWaits
        case .diskHangs: return Self.diskHangs
        case .tooManyRequests: return Self.tooManyRequests
        }
    }

    private mutating func noteTaken(_ topic: String, from before: PhysicalOffset) {
        let end = self.log.end
        guard end > before else { return }
        self.admission.appended(
            end.distance(from: before), of: topic, upTo: end, confirmed: self.progress.confirmed,
            at: self.now.tick)
    }

    // Whole texts: under overload they are needed a hundred thousand times a second.
    private static let tooMuchWaits = Refusal(
        .systemBusy,
        "[OVERLOAD] more is sent than disk and replicas take; use another broker, or try later")
    private static let diskHangs = Refusal(
        .systemBusy, "[OVERLOAD] the disk does not answer; use another broker, or try later")
    private static let indexingBehind = Refusal(
        .systemBusy,
        "[OVERLOAD] index files are made more slowly than the log grows; use another broker, or "
            + "try later")
    private static let tooManyRequests = Refusal(
        .systemBusy,
        "[OVERLOAD] more is sent than this broker can look at; use another one, or try later")

    private mutating func topicForSend(_ request: SendRequest) throws -> TopicConfig {
        let topic = request.topic
        if let config = self.delivery.topics.config(topic) {
            guard config.permission.contains(.write) else {
                throw Refusal(
                    .noPermission,
                    "the topic \(topic) on broker \(self.settings.brokerName) is not writable")
            }
            guard !SystemTopic.isForbiddenToSend(topic) else {
                throw Refusal(.noPermission, "Sending message to topic[\(topic)] is forbidden.")
            }
            return config
        }
        if let problem = ResourceName.problem(withTopic: topic) {
            throw Refusal(.invalidParameter, problem)
        }
        return try self.autoCreateTopic(request)
    }

    private mutating func autoCreateTopic(_ request: SendRequest) throws -> TopicConfig {
        let decision = self.delivery.topics.decideAutoCreate(
            topic: request.topic, defaultTopic: request.defaultTopic,
            clientQueues: request.defaultTopicQueueNums)
        switch decision {
        case .exists(let config): return config
        case .refused(let refusal): throw Refusal(.topicNotExist, refusal.description)
        case .create(let config):
            try self.putTopic(config)
            self.effects.append(.spread(config))
            return config
        }
    }

    private mutating func writeQueue(
        _ request: SendRequest, of config: TopicConfig
    ) throws -> Int32 {
        let limit = max(config.readQueues, config.writeQueues)
        guard request.queueID < limit else {
            throw Refusal(
                .invalidParameter,
                "request queueId[\(request.queueID)] is illegal, topic \(config.name) has "
                    + "\(config.writeQueues) write queues and \(config.readQueues) read queues")
        }
        guard request.queueID < 0 else { return request.queueID }
        // The broker chooses: in turn, which spreads as well as chance does.
        self.counters.nextQueue &+= 1
        return Int32(self.counters.nextQueue % UInt64(max(1, config.writeQueues)))
    }

    private mutating func sendOne(
        _ request: SendRequest, _ body: UnsafeRawBufferPointer, to config: TopicConfig,
        _ queueID: Int32, asked command: ReceivedCommand, from caller: Caller
    ) throws {
        guard !body.isEmpty else { throw Refusal(.messageIllegal, "the message has no body") }
        let facts = request.properties.withUnsafeBytes { self.prepareProperties($0) }
        try self.check(body: body.count, properties: self.scratch.count)
        if facts.mayBeDelayed, !facts.isHalf, try self.sendsRecall(of: queueID, from: caller) {
            return
        }
        let isRetry = config.name.hasPrefix(ResourceName.retryPrefix)
        let stamp = facts.isStamped && !isRetry ? try self.stamp(of: request) : nil
        if let stamp,
            let places = try self.storedPlaces(
                of: [stamp], on: QueueKey(topic: config.name, queueID: queueID))
        {
            return self.answerAgain(
                RepeatedSend(
                    caller: caller, places: places, topic: config.name, queueID: queueID,
                    uniqueKey: facts.uniqueKey), mayBeDelayed: facts.mayBeDelayed)
        }
        let draft = self.draft(request, config, queueID, from: caller)
        var handle: String?
        let appended: Appended
        if isRetry {
            appended = try self.placeRetry(
                request, draft, body, because: command.nonEmptyString("apusError"), from: caller)
        } else if facts.isHalf {
            appended = try self.placeHalf(draft, body, by: request.producerGroup, stamp)
        } else if facts.mayBeDelayed {
            (appended, handle) = try self.placeDelayed(draft, body, facts, stamp)
        } else {
            appended = try self.append(draft, body: body, stamp)
        }
        self.answerWhenConfirmed(
            caller, first: appended, messageIDs: .one(self.offsetMessageID(appended.position)),
            queueID: queueID, uniqueKey: facts.uniqueKey, recallHandle: handle)
    }

    /// The message's properties are in `scratch`.
    private mutating func placeDelayed(
        _ draft: MessageDraft, _ body: UnsafeRawBufferPointer, _ facts: SendFacts,
        _ stamp: IdempotentStamp?
    ) throws -> (Appended, recallHandle: String?) {
        let properties = self.scratch.withUnsafeBytes { MessageProperties(parsing: $0) }
        let (appended, due) = try self.placeOrPark(
            draft, body: body, properties: properties, stamp: stamp)
        let handle = due.map { self.recallHandle(draft.topic, due: $0, key: facts.uniqueKey) }
        return (appended, handle)
    }

    func recallHandle(_ topic: String, due: Timestamp, key: String?) -> String {
        RecallHandle(
            topic: topic, brokerName: self.settings.brokerName, due: due, uniqueKey: key ?? ""
        ).text
    }

    /// A client that cannot send back sends to the retry topic itself.
    private mutating func placeRetry(
        _ request: SendRequest, _ draft: MessageDraft, _ body: UnsafeRawBufferPointer,
        because errorText: String?, from caller: Caller
    ) throws -> Appended {
        let properties = self.scratch.withUnsafeBytes { MessageProperties(parsing: $0) }
        let name = RetryPolicy.group(ofRetryTopic: request.topic) ?? ""
        let sent = RetryRequest(
            reconsumeTimesMax: request.maxReconsumeTimes, clientVersion: caller.version,
            clientID: self.consumers.group(name)?.members[
                ConnectionKey(caller.connection.value)]?.clientID,
            errorText: errorText)
        switch RetryPolicy.send(
            topic: request.topic, properties: properties, reconsumeTimes: request.reconsumeTimes,
            sent, group: self.delivery.groups.config(name),
            groupHoldsLock: self.locks.holdsAny(group: name, at: self.now.tick),
            at: self.now.wall)
        {
        case .notRetry:
            return try self.place(draft, body: body, properties: properties)
        case .unknownGroup(let group):
            throw Refusal(.subscriptionGroupNotExist, "the consumer group \(group) does not exist")
        case .put(let decision):
            try self.makeTopic(for: decision)
            var draft = draft
            if draft.topic != decision.topic {
                (draft.topic, draft.queueID) = (decision.topic, self.queue(of: decision))
            }
            draft.reconsumeTimes = decision.reconsumeTimes
            return try self.placeOrPark(
                draft, body: body, properties: decision.properties
            ).appended
        }
    }

    /// Splits a batch: each member gets a queue offset of its own, all or none.
    private mutating func sendBatch(
        _ request: SendRequest, _ body: UnsafeRawBufferPointer, to config: TopicConfig,
        _ queueID: Int32, from caller: Caller
    ) throws {
        guard !config.name.hasPrefix(ResourceName.retryPrefix) else {
            throw Refusal(.messageIllegal, "a batch cannot be sent to a retry topic")
        }
        guard body.count <= self.settings.bodyBytesMax else {
            throw Refusal(.messageIllegal, "the batch is longer than \(self.settings.bodyBytesMax)")
        }
        let (members, stamps) = try self.checkedMembers(of: body, sentTo: request.queueID)
        if !stamps.isEmpty {
            let queue = QueueKey(topic: config.name, queueID: queueID)
            if let places = try self.storedPlaces(of: stamps, on: queue) {
                return self.answerAgain(
                    RepeatedSend(
                        caller: caller, places: places, topic: config.name, queueID: queueID))
            }
            try self.keepTogether(members, topic: config.name)
        }
        var first: Appended?
        var last: Appended?
        var ids = ""
        for (index, member) in members.enumerated() {
            _ = self.prepareProperties(member.properties)
            let draft = self.draft(
                request, config, queueID, from: caller, flag: member.flag)
            let stamp = stamps.isEmpty ? nil : stamps[index]
            let appended = try self.append(draft, body: member.body, stamp)
            ids += (ids.isEmpty ? "" : ",") + self.messageID(appended.position)
            first = first ?? appended
            last = appended
        }
        guard var first, let last else {
            throw Refusal(.messageIllegal, "the batch has no message")
        }
        first.end = last.end
        self.answerWhenConfirmed(
            caller, first: first, messageIDs: .several(ids), queueID: queueID, uniqueKey: nil)
    }

    /// The batch's messages and, if their producer numbers them, the numbers.
    private mutating func checkedMembers(
        of body: UnsafeRawBufferPointer, sentTo queueID: Int32
    ) throws -> ([MessageBatch.Member], [IdempotentStamp]) {
        let members: [MessageBatch.Member]
        do {
            members = try MessageBatch.members(of: body)
        } catch {
            throw Refusal(.messageIllegal, "the batch cannot be split: \(error)")
        }
        var stamps: [IdempotentStamp] = []
        for member in members {
            let facts = self.prepareProperties(member.properties)
            guard !facts.mayBeDelayed || !DelayRequest(member.properties).isDelayed else {
                throw Refusal(.messageIllegal, "a message of a batch cannot be delayed")
            }
            guard !facts.isHalf else {
                throw Refusal(.messageIllegal, "a message of a batch has no transaction")
            }
            if facts.isStamped, let stamp = try Self.stamp(of: member.properties, sentTo: queueID) {
                stamps.append(stamp)
            }
            guard !member.body.isEmpty else {
                throw Refusal(.messageIllegal, "a message of the batch has no body")
            }
            try self.check(body: member.body.count, properties: self.scratch.count)
        }
        guard stamps.isEmpty || stamps.count == members.count else {
            throw Refusal(.messageIllegal, IdempotenceRefusal.notInARow.description)
        }
        return (members, stamps)
    }

    func check(body: Int, properties: Int) throws {
        guard body <= self.settings.bodyBytesMax else {
            throw Refusal(
                .messageIllegal,
                "the message's body has \(body) bytes, at most \(self.settings.bodyBytesMax) "
                    + "are allowed")
        }
        guard properties <= MessageLayout.propertiesBytesMax else {
            throw Refusal(
                .messageIllegal,
                "the message's properties have \(properties) bytes, at most "
                    + "\(MessageLayout.propertiesBytesMax) are allowed")
        }
    }

    private func draft(
        _ request: SendRequest, _ config: TopicConfig, _ queueID: Int32, from caller: Caller,
        flag: Int32? = nil
    ) -> MessageDraft {
        var flags = request.systemFlag
        if config.filterType == "MULTI_TAG" { flags.insert(.multiTag) }
        return MessageDraft(
            topic: config.name, queueID: queueID, flag: flag ?? request.flag, systemFlag: flags,
            bornTimestamp: request.bornTimestamp,
            bornHost: caller.remote.presentableToOldClients, storeHost: self.settings.storeHost,
            reconsumeTimes: request.reconsumeTimes)
    }

    /// Puts the message into the batch; its properties are in `scratch`.
    private mutating func append(
        _ draft: MessageDraft, body: UnsafeRawBufferPointer, _ stamp: IdempotentStamp?
    ) throws -> Appended {
        // Taken out, so that nobody changes it meanwhile, and put back to be used again.
        let properties = exchange(&self.scratch, with: [])
        defer { self.scratch = properties }
        return try properties.withUnsafeBytes {
            try self.place(draft, body: body, properties: $0, stamp: stamp)
        }
    }

    /// The queue's number; a new queue is made while there may be more.
    mutating func queueNumber(_ key: QueueKey) throws -> QueueNumber {
        if let number = self.queues.number(of: key) { return number }
        guard self.queues.count < self.settings.queuesMax else {
            throw Refusal(
                .systemBusy, "this broker has \(self.queues.count) queues, more are not allowed")
        }
        return self.queues.findOrMake(key)
    }

    func messageID(_ position: PhysicalOffset) -> String { self.offsetMessageID(position).text }

    func offsetMessageID(_ position: PhysicalOffset) -> OffsetMessageID {
        OffsetMessageID(storeHost: self.settings.storeHost, physicalOffset: position)
    }

    mutating func answerWhenConfirmed(
        _ caller: Caller, first: Appended, messageIDs: SentMessageIDs, queueID: Int32,
        uniqueKey: String?, recallHandle: String? = nil
    ) {
        guard !caller.isOneWay else { return }
        self.answers.append(
            PendingAnswer(
                end: first.end, since: self.now.tick, caller: caller,
                answer: .send(
                    SendResponse(
                        opaque: caller.opaque, code: .success, messageIDs: messageIDs,
                        queueID: queueID, queueOffset: first.queueOffset.value,
                        transactionID: uniqueKey, recallHandle: recallHandle))))
    }
}

extension HostAddress {
    /// Old clients read four bytes of IP whatever the flags say: anything else is shown as 0.0.0.0.
    var presentableToOldClients: HostAddress {
        guard self.isIPv6 else { return self }
        let ip = self.ip
        let isMapped = ip[..<10].allSatisfy { $0 == 0 } && ip[10] == 0xFF && ip[11] == 0xFF
        return HostAddress(ip: isMapped ? Array(ip[12...]) : [0, 0, 0, 0], port: self.port)
    }
}

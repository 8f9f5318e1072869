import ClientEngine
import MessageFormat
import RemotingProtocol

// Needs Apus brokers: RocketMQ's remember nothing of dead letters.
extension Admin {
    /// Brokers know this group without configuration.
    static let toolsGroup = "TOOLS_CONSUMER"

    /// How long it is gone on asking a broker group that has no master at the moment.
    private static let patience = Duration.seconds(15)

    /// The groups that have dead letters or had some, sorted by name.
    public func deadLetterGroups() async throws(ApusClientError) -> [DeadLetterSummary] {
        var groups: [String: DeadLetterSummary] = [:]
        for queue in try await self.deadLetterLists(ofGroup: nil).flatMap(\.queues) {
            var summary =
                groups[queue.group]
                ?? DeadLetterSummary(group: queue.group, waiting: 0, replayed: 0)
            summary.waiting += queue.waiting
            summary.replayed += queue.replayed
            summary.lastReplayedAt = [summary.lastReplayedAt, queue.replayedAt?.milliseconds]
                .compactMap { $0 }.max()
            summary.lastPurgedAt = [summary.lastPurgedAt, queue.purgedAt?.milliseconds]
                .compactMap { $0 }.max()
            groups[queue.group] = summary
        }
        return groups.values.sorted { $0.group < $1.group }
    }

    /// The group's dead letters, to look through.
    ///
    /// ```swift
    /// for try await letter in admin.deadLetters(ofGroup: "billing") {
    ///     print(letter.originTopic ?? "?", letter.error ?? "no error told")
    /// }
    /// ```
    public func deadLetters(
        ofGroup group: String, matching filter: DeadLetterFilter = DeadLetterFilter()
    ) -> DeadLetters {
        DeadLetters(admin: self, group: group, filter: filter)
    }

    /// Sends a dead letter to the topic that it came from, with its keys, tag and properties, as
    /// if it had never been tried. Its broker remembers it: to ask again changes nothing, so a
    /// replay that was interrupted is simply begun again.
    public func replay(_ letter: DeadLetter) async throws(ApusClientError) {
        _ = try await self.ask(
            letter.message.queue.brokerName,
            .request(
                .replayDeadLetter,
                fields: [
                    "group": letter.group, "offset": String(letter.message.physicalOffset),
                    "queueId": String(letter.message.queue.id),
                    "queueOffset": String(letter.message.queueOffset),
                ]),
            during: "sending dead letter \(letter.message.messageID) again")
    }

    /// The group's dead letters of now are passed over from now on, or those only that died before
    /// a time. They stay on the brokers' disks until these delete their oldest messages.
    ///
    /// - Parameter time: in milliseconds since 1970.
    /// - Returns: how many waited until then.
    @discardableResult
    public func purgeDeadLetters(
        ofGroup group: String, diedBefore time: Int64? = nil
    ) async throws(ApusClientError) -> Int64 {
        let what = "purging the dead letters of group \(group)"
        let before = try await self.deadLetterLists(ofGroup: group)
        for list in before {
            for queue in list.queues where queue.first < queue.end {
                var below = queue.end
                if let time {
                    let search = MessageQueue(
                        topic: ResourceName.deadLetterPrefix + group, brokerName: list.brokerName,
                        queueID: queue.queueID)
                    below = min(below, try await self.offset(in: search, at: time, during: what))
                }
                guard below > queue.first else { continue }
                _ = try await self.ask(
                    list.brokerName,
                    .request(
                        .purgeDeadLetters,
                        fields: [
                            "below": String(below.value), "group": group,
                            "queueId": String(queue.queueID),
                        ]),
                    during: what)
            }
        }
        let after = try await self.deadLetterLists(ofGroup: group)
        return max(0, Self.waiting(before) - Self.waiting(after))
    }

    private static func waiting(_ lists: [DeadLetterList]) -> Int64 {
        lists.flatMap(\.queues).reduce(0) { $0 + $1.waiting }
    }

    private func offset(
        in queue: MessageQueue, at time: Int64, during what: String
    ) async throws(ApusClientError) -> QueueOffset {
        let answer = try await self.ask(
            queue.brokerName, OffsetRequest.search(queue, Timestamp(milliseconds: time)),
            during: what)
        guard case .offset(let offset) = OffsetRequest.answer(.success(answer)) else {
            throw ApusClientError(.badAnswer, "\(what): the answer has no offset")
        }
        return offset
    }
}

// Asking broker groups whose master may be changing.
extension Admin {
    /// What each broker group has. Nil: of all groups, without telling which were sent again.
    func deadLetterLists(
        ofGroup group: String?
    ) async throws(ApusClientError) -> [DeadLetterList] {
        let what = group.map { "asking for the dead letters of group \($0)" }
        var request = RemotingCommand.request(.listDeadLetters)
        request["group"] = group
        var lists: [DeadLetterList] = []
        for broker in try await self.cluster().brokerGroups {
            let answer = try await self.ask(
                broker.name, request, during: what ?? "asking for dead letters")
            lists.append(
                try ClientConnection.body(
                    DeadLetterList.self, of: answer, during: what ?? "asking for dead letters"))
        }
        return lists
    }

    /// Asks a broker group's master, whoever it is by then. Only for what may be asked twice.
    func ask(
        _ brokerName: String, _ command: RemotingCommand,
        accepting: Set<ResponseCode> = [.success], during what: String
    ) async throws(ApusClientError) -> ReceivedCommand {
        let giveUpAt = ContinuousClock.now + Self.patience
        var pause = Duration.milliseconds(50)
        while true {
            do throws(ApusClientError) {
                guard let address = try await self.masters(.brokerGroup(brokerName)).first else {
                    throw ApusClientError(.noRoute, "\(what): \(brokerName) has no master")
                }
                return try await self.connection.call(
                    command, to: address, accepting: accepting, during: what)
            } catch {
                guard error.mayPass, ContinuousClock.now + pause < giveUpAt else { throw error }
            }
            do {
                try await Task.sleep(for: pause)
            } catch {
                throw ApusClientError(.cancelled, "\(what): the task was cancelled")
            }
            pause = min(pause * 2, .seconds(1))
        }
    }
}

extension ApusClientError {
    /// Whether the same request may succeed a little later, with another master perhaps.
    fileprivate var mayPass: Bool {
        if self.responseCode == Int(ResponseCode.serviceNotAvailable.rawValue) { return true }
        return [.brokerUnreachable, .timedOut, .busy, .noRoute].contains(self.code)
    }
}

import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

/// A list of waiting messages for an operator, while they are read.
struct DelayListJob: Sendable {
    var caller: Caller
    var listing: DelaySchedule.Listing
}

// What waits for its delivery, for operators.
extension BrokerEngine {
    private static let listedMax = 1_000

    /// Field `limit`: how many messages are told one by one.
    mutating func listDelayed(_ command: ReceivedCommand, from caller: Caller) throws {
        let limit = Int(try command.int32("limit") ?? 32)
        self.scanDelays()
        let listing = self.delivery.delays.list(
            due: Timestamp(milliseconds: .min)..<Timestamp(milliseconds: .max),
            limit: min(max(1, limit), Self.listedMax))
        let job = DelayListJob(caller: caller, listing: listing)
        guard !listing.messages.isEmpty else { return self.answerDelayed(job, []) }
        let ticket = self.reads.add(.listDelayed(job))
        self.effects.append(.readMessages(ticket, listing.messages.map(\.entry)))
    }

    /// The listed messages have been read; what is damaged is missing.
    mutating func answerDelayed(_ job: DelayListJob, _ bytes: [UInt8]) {
        let messages = bytes.withUnsafeBytes { all in
            StoredMessages(all).map { self.delayed($0) }
        }
        let delays = self.delivery.delays
        let list = DelayedMessageList(
            total: delays.pendingCount, recalled: Int64(delays.recalledCount),
            nextDue: job.listing.messages.first.map { DelayField.due(of: $0.entry) },
            isComplete: job.listing.isComplete && messages.count == job.listing.messages.count,
            messages: messages)
        self.succeed(job.caller, body: list.encoded)
    }

    private func delayed(_ message: StoredMessageView) -> DelayedMessageList.Message {
        let destination = DelayParking.destination(of: message.propertiesBytes)
        return DelayedMessageList.Message(
            topic: destination?.topic ?? "", queueID: destination?.queueID ?? -1,
            uniqueKey: message.properties[PropertyName.uniqueKey] ?? "",
            due: DelayParking.due(of: message.propertiesBytes) ?? message.storeTimestamp,
            messageID: self.messageID(message.physicalOffset))
    }
}

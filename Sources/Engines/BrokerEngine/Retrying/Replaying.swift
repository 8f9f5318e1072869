import DeliveryCore
import LogCore
import MessageFormat
import RemotingProtocol

/// A dead letter that is to be sent again, while it is fetched.
struct DeadLetterJob: Sendable {
    var caller: Caller
    var group: String
    var queueID: Int32
    var queueOffset: QueueOffset
    var position: PhysicalOffset

    var key: QueueKey {
        QueueKey(topic: ResourceName.deadLetterPrefix + self.group, queueID: self.queueID)
    }
}

// A dead letter is sent again, once: the message and the mark that says so share a batch. Whoever
// did not hear the answer may ask again, this broker or the next master.
extension BrokerEngine {
    mutating func replayDeadLetter(_ command: ReceivedCommand, from caller: Caller) throws {
        try self.checkShown()
        try self.admit()
        let job = DeadLetterJob(
            caller: caller, group: try command.requiredString("group"),
            queueID: try command.requiredInt32("queueId"),
            queueOffset: QueueOffset(try command.requiredInt64("queueOffset")),
            position: PhysicalOffset(try command.requiredInt64("offset")))
        guard job.position >= .zero, job.position < self.progress.confirmed else {
            throw Refusal(.systemError, "no message lies at offset \(job.position.bytes)")
        }
        self.effects.append(.readMessage(self.reads.add(.replay(job)), at: job.position))
    }

    /// The letter has been read.
    mutating func replay(_ job: DeadLetterJob, _ bytes: [UInt8]) {
        do {
            try self.admit()
            try bytes.withUnsafeBytes { try self.replay(job, try StoredMessageView($0)) }
            self.succeedWhenConfirmed(job.caller)
        } catch let refusal as Refusal {
            self.refuse(job.caller, refusal)
        } catch {
            self.refuse(job.caller, Refusal(.systemError, "\(error)"))
        }
    }

    private mutating func replay(_ job: DeadLetterJob, _ letter: StoredMessageView) throws {
        guard letter.topic == job.key.topic, letter.queueID == job.queueID,
            letter.queueOffset == job.queueOffset
        else {
            throw Refusal(
                .systemError,
                "what lies at offset \(job.position.bytes) is not the dead letter "
                    + "\(job.queueOffset.value) of queue \(job.queueID) of \(job.group)")
        }
        let marks = self.delivery.deadLetters.marks(of: job.key)
        if marks.isReplayed(job.queueOffset) { return }
        guard job.queueOffset >= marks.floor else {
            throw Refusal(.queryNotFound, "the dead letter was purged")
        }
        guard marks.hasRoom(for: job.queueOffset) else {
            throw Refusal(
                .systemBusy,
                "\(DeadLetterMarks.stretchesMax) separate stretches of dead letters of \(job.group)"
                    + " were sent again, more are not remembered: send what lies between or purge")
        }
        try self.put(job, letter)
    }

    private mutating func put(_ job: DeadLetterJob, _ letter: StoredMessageView) throws {
        guard
            let replay = DeadLetterReplay(
                letter.properties, messageID: self.messageID(job.position), at: self.now.wall)
        else { throw Refusal(.messageIllegal, "the letter does not say which topic it came from") }
        guard let config = self.delivery.topics.config(replay.topic) else {
            throw Refusal(
                .topicNotExist,
                "the topic \(replay.topic), where it came from, does not exist on this broker")
        }
        guard config.permission.contains(.write), config.writeQueues > 0 else {
            throw Refusal(.noPermission, "the topic \(replay.topic) is not writable")
        }
        self.counters.nextQueue &+= 1
        let queueID = Int32(self.counters.nextQueue % UInt64(config.writeQueues))
        var draft = MessageDraft(
            copying: letter, to: QueueKey(topic: replay.topic, queueID: queueID),
            storeHost: self.settings.storeHost)
        draft.reconsumeTimes = 0
        let record = DeadLetterTable.recordOfReplay(
            of: job.queueOffset, in: job.key,
            from: self.presentOffsets(of: job.key).lowerBound, at: self.now.wall)
        _ = try self.place(
            draft, body: letter.body, properties: replay.properties, with: [record])
        _ = try self.delivery.apply(record)
    }
}

import DequeModule
package import DeliveryCore
package import LogCore
package import MessageFormat
package import RemotingProtocol
package import ReplicationCore

/// A broker without its disk and sockets: requests, completions and time in, effects out.
///
/// One turn of the engine is: any number of inputs, then `endOfTurn`, then the shell performs
/// `takeEffects()`. Whatever is sent within a turn, and while an earlier batch is being flushed,
/// shares one batch, one write and one flush.
///
/// A broker without controllers is alone: its own log is all there is. In a group it is fenced,
/// replica or master, as the controllers say (folder `Group`).
///
/// Files by concern: `Sending`, `Writing` (batches, confirm offset, answers), `Pulling`, `Holding`,
/// `Membership`, `OffsetRequests`, `Queries`, `TopicRequests`, `Administering`, `Replay`,
/// `Maintenance`.
package struct BrokerEngine: Sendable {
    /// Never read. What has an existential in it is passed by its address; without one each call of
    /// a method that only reads would copy the engine's 5 KB, seven times for one send.
    private let isPassedByAddress: any Sendable = true
    package let settings: BrokerSettings
    package internal(set) var delivery: DeliveryState
    package internal(set) var log: CommitLog
    package internal(set) var progress: FlushProgress
    package internal(set) var queues = QueueTable()
    var keys = KeyIndex()
    package internal(set) var segments = SegmentMap()
    package internal(set) var consumers: ConsumerGroups
    package internal(set) var producers: ProducerGroups
    var locks: OrderLocks
    /// What the log says of locks ends here.
    var locksEnd = PhysicalOffset.zero
    var memberHistory = GroupHistory()
    var holds: PullHold<PullJob>
    /// Pops and notifications that wait.
    var polls = PopHold<PopAsk>()
    var clocks = ClientClocks()
    /// Answers to pops and their handles, until this turn's records are in the log.
    var popAnswers: [(caller: Caller, answer: PendingAnswer.Answer)] = []
    var routes = KnownRoutes()
    var filters = FilterCache()
    /// Nil: no controllers, this broker is alone.
    var group: GroupStanding?
    /// What it has as a master of a group, and as a replica: never both.
    var master: MasterSide?
    var follower: ReplicaSide?
    var awaiting = AwaitingMaster()
    /// Questions that wait for a roll call.
    var inquiries = Inquiries()
    /// This master takes no more sends: another one will.
    package var isHandingOver = false
    package internal(set) var history = EpochHistory()
    /// Batches of the group's master that the writer has not got yet.
    var adopted: [PlannedBatch] = []
    /// Recovery: batches that are not known to be confirmed.
    var unconfirmedReplay: [UnconfirmedBatch] = []
    var answers = PendingAnswers()
    /// Which sends are taken.
    var admission: Admission
    var reads = PendingReads()
    var calls = ClientCalls()
    var gatherings: [UInt64: StatusGathering] = [:]
    var counters = BrokerCounters()

    /// What a turn starts from; set by every input.
    package internal(set) var now: Now
    /// Too many segments have no index file yet.
    var isIndexingBehind = false
    /// Messages that had been put when the log reached a segment that has no index file yet.
    var putBefore: [PhysicalOffset: Int64] = [:]
    /// What the latest request came under.
    var pressure = Pressure.none
    /// Why the broker takes no messages at the moment, or nil.
    package var refusal: Refusal?
    /// Share of the disk in use, as the shell last saw it.
    package var diskUsedRatio = 0.0
    var effects: [Effect] = []
    /// Of the bodies of answers among them.
    private var bodyBytes = 0
    var scratch: [UInt8] = []
    let ownProperties: [UInt8]
    var offsetsGatheredAt: Tick
    let bootTime: Timestamp
    var sealingPausedUntil = Tick.zero
    var scrub: Scrub
    /// Damaged segments, and what is done about them.
    package internal(set) var repair: SegmentRepair
    var deletedAt = Tick.zero
    /// How far the scan of delayed messages has gone since the last tick.
    var delayScanSteps = 0

    /// With these another engine goes on with the same log.
    package var settingsToGoOn: BrokerSettings {
        var settings = self.settings
        settings.repair = self.repair
        return settings
    }

    /// Nobody waits for the disk any more.
    package var isSettled: Bool { self.answers.count == 0 && !self.log.hasGathered }

    package mutating func takeEffects() -> [Effect] {
        self.bodyBytes = 0
        return exchange(&self.effects, with: [])
    }

    /// Long answers to many at once must not take more memory than there is. The first one is
    /// always answered.
    private static let bodyBytesMax = 32 << 20

    /// A request has arrived.
    package mutating func receive(
        _ command: ReceivedCommand, from connection: ConnectionID, remote: HostAddress, at now: Now,
        under pressure: Pressure = .none
    ) {
        self.now = now
        self.pressure = pressure
        guard !command.isResponse else { return self.clientAnswered(command, from: connection) }
        self.serve(command, from: Caller(command, from: connection, remote: remote))
    }

    mutating func serve(
        _ command: ReceivedCommand, from caller: Caller, isVouched: Bool = false
    ) {
        do {
            try self.handle(command, from: caller, isVouched: isVouched)
        } catch let refusal as Refusal {
            self.refuse(caller, refusal)
        } catch {
            self.refuse(caller, Refusal(.systemError, "\(error)"))
        }
    }

    /// A connection has closed: whoever was behind it is gone at once.
    package mutating func closed(_ connection: ConnectionID, at now: Now) {
        self.now = now
        let key = ConnectionKey(connection.value)
        self.holds.closed(key)
        self.popperClosed(key)
        _ = self.awaiting.take { $0.caller.connection == connection }
        self.tell(self.consumers.closed(key))
        self.producers.closed(key)
        self.locks.closed(key)
        self.logLocks()
        self.failCalls(of: connection)
    }

    /// All inputs of this turn are in: plan what they need.
    package mutating func endOfTurn() {
        guard self.group?.isOver != true else { return }
        if self.mayServe {
            self.settlePops()
            self.gatherOffsets()
            self.gatherChecks()
        }
        self.callRoll()
        self.submitGathered()
    }

    private mutating func handle(
        _ command: ReceivedCommand, from caller: Caller, isVouched: Bool
    ) throws {
        guard self.mayServe || self.isServedByAll(command) else {
            return try self.relay(command, from: caller)
        }
        if self.isToWait(command, caller), self.awaitMaster(command, caller) { return }
        if !isVouched, Self.mayBeOvertaken(command), self.inquire(.request(command, caller)) {
            return
        }
        switch RequestCode(rawValue: command.code) {
        case .sendMessage, .sendMessageV2, .sendBatchMessage:
            try self.send(command, from: caller)
        case .pullMessage, .litePullMessage: try self.pull(command, from: caller)
        case .heartBeat: try self.heartbeat(command, from: caller)
        case .updateConsumerOffset: try self.updateConsumerOffset(command, from: caller)
        case .queryConsumerOffset: try self.queryConsumerOffset(command, from: caller)
        case .getMaxOffset: try self.maxOffset(command, from: caller)
        case .getMinOffset: try self.minOffset(command, from: caller)
        case .searchOffsetByTimestamp: try self.searchOffset(command, from: caller)
        case .getEarliestMessageStoreTime: try self.earliestStoreTime(command, from: caller)
        case .getConsumerListByGroup: try self.consumerList(command, from: caller)
        case .unregisterClient: try self.unregisterClient(command, from: caller)
        case .checkClientConfig: try self.checkClientConfig(command, from: caller)
        case .lockBatchMQ: try self.lockQueues(command, from: caller)
        case .unlockBatchMQ: try self.unlockQueues(command, from: caller)
        case .viewMessageByID: try self.viewMessage(command, from: caller)
        case .queryMessage: try self.queryMessage(command, from: caller)
        case .consumerSendMessageBack: try self.sendBack(command, from: caller)
        case .sendReplyMessage, .sendReplyMessageV2: try self.sendReply(command, from: caller)
        case .recallMessage: try self.recallMessage(command, from: caller)
        case .endTransaction: try self.endTransaction(command, from: caller)
        case .popMessage: try self.pop(command, from: caller)
        case .peekMessage: try self.peek(command, from: caller)
        case .ackMessage: try self.acknowledgePopped(command, from: caller)
        case .batchAckMessage: try self.acknowledgeBatch(command, from: caller)
        case .changeMessageInvisibleTime: try self.changeInvisibleTime(command, from: caller)
        case .notification: try self.notifyOfMessages(command, from: caller)
        case .pollingInfo: try self.pollingInfo(command, from: caller)
        case .queryAssignment: try self.queryAssignment(command, from: caller)
        case .setMessageRequestMode: try self.setRequestMode(command, from: caller)
        case .getAllMessageRequestMode: self.allRequestModes(caller)
        default: try self.administer(command, from: caller)
        }
    }
}

extension BrokerEngine {
    mutating func answer(_ caller: Caller, _ command: RemotingCommand) {
        guard !caller.isOneWay else { return }
        guard self.bodyBytes == 0 || self.bodyBytes + command.body.count <= Self.bodyBytesMax else {
            return self.refuse(
                caller,
                Refusal(.systemBusy, "too many long answers at once; ask again in a moment"))
        }
        self.bodyBytes += command.body.count
        self.effects.append(.answer(caller, command))
    }

    mutating func succeed(
        _ caller: Caller, _ fields: KeyValuePairs<String, String> = [:], body: [UInt8] = []
    ) {
        self.answer(
            caller, .response(.success, to: caller.opaque, fields: fields, body: body))
    }

    mutating func refuse(_ caller: Caller, _ refusal: Refusal) {
        self.counters.refused(refusal.code)
        self.answer(
            caller, .response(refusal.code, to: caller.opaque, remark: refusal.remark))
    }

    /// Carries what the group table decided to the members.
    mutating func tell(_ decided: [ConsumerGroups.Effect]) {
        self.memberHistory.note(self.consumers.takeChanges(), at: self.now.wall)
        for case .notifyMembers(let group, let connections) in decided {
            let command = RemotingCommand.request(
                .notifyConsumerIDsChanged, fields: ["consumerGroup": group], oneWay: true)
            for connection in connections {
                self.effects.append(.notify(ConnectionID(value: connection.value), command))
            }
        }
    }
}

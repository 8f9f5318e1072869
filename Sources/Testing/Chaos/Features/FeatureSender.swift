internal import ApusClient
internal import MessageFormat
internal import Synchronization

/// Sends with `ApusClient`'s producer, which repeats by itself, and takes down what it was told.
///
/// The producer numbers its messages, so each is stored once however often it was sent: a value
/// that lies at two places is a broken promise.
final class FeatureSender: Sendable {
    private let plan: WorkloadPlan
    private let recorder: Recorder
    private let ledger: FeatureLedger
    private let producer: Producer
    private let addresses = LastAddresses()

    init(
        plan: WorkloadPlan, nameServers: [String], recorder: Recorder, ledger: FeatureLedger
    ) {
        self.plan = plan
        self.recorder = recorder
        self.ledger = ledger
        var options = Producer.Options()
        options.group = "\(plan.group)-producers"
        options.isIdempotent = true
        options.deadline = plan.giveUpAfter
        options.attemptTimeout = plan.sendTimeout
        options.interceptors = [self.addresses]
        if plan.feature == .transaction {
            options.transactionChecker = { message in
                guard case .value(let id) = message.content else { return .rollback }
                recorder.record(.asked(id))
                return ledger.isCommitted(id) ? .commit : .rollback
            }
        }
        self.producer = Producer(
            ApusClient.Configuration(nameServers: nameServers), options: options)
        self.producer.prepare(topic: plan.topic)
    }

    func close() async { await self.producer.close() }

    /// One message after the other, as the schedule wants it.
    func sendAll(
        as name: String, _ schedule: SendSchedule, until isInterrupted: @Sendable () -> Bool
    ) async {
        var sequence: Int64 = 0
        while !Task.isCancelled, !isInterrupted(), let due = schedule.next(at: Recorder.now) {
            let wait = due - Recorder.now
            if wait > .zero { try? await Task.sleep(for: wait) }
            await self.send(ValueID(client: name, sequence: sequence, attempt: 1))
            sequence += 1
        }
    }

    private func send(_ id: ValueID) async {
        var message = Message(
            topic: self.plan.topic,
            body: MessageValue(id: id, topic: self.plan.topic, size: self.plan.size).encoded,
            keys: ["\(id)"])
        switch self.plan.feature {
        case .transaction: return await self.sendInTransaction(message, id)
        case .delay: message.delay = self.delay(of: id)
        default: break
        }
        self.recorder.record(.sendStarted(id, topic: self.plan.topic))
        do {
            let receipt = try await self.producer.send(message, to: self.selection(of: id))
            self.stored(id, receipt)
            self.ledger.expect(id)
        } catch {
            self.failed(id, error)
        }
    }

    private func selection(of id: ValueID) -> QueueSelection {
        self.plan.feature == .orderly ? .hash(shardingKey: id.client) : .roundRobin
    }

    private func delay(of id: ValueID) -> Delay {
        let milliseconds = (id.sequence * 733) % 9_000 + 300
        switch id.sequence % 4 {
        case 0:
            self.recorder.record(.wished(id, .delayed(by: .seconds(1))))
            return .level(1)
        case 1:
            self.recorder.record(.wished(id, .delayed(by: .seconds(5))))
            return .level(2)
        case 2:
            self.recorder.record(.wished(id, .delayed(by: .milliseconds(milliseconds))))
            return .after(.milliseconds(milliseconds))
        default:
            let now = Recorder.now
            let due = Recorder.wallNow.milliseconds + milliseconds
            self.recorder.record(.wished(id, .due(at: now + .milliseconds(milliseconds))))
            return .at(milliseconds: due)
        }
    }

    private func stored(_ id: ValueID, _ receipt: SendReceipt) {
        if receipt.attempts > 1 {
            self.recorder.record(.repeated(id, attempts: Int32(clamping: receipt.attempts)))
        }
        let position = QueuePosition(receipt.queue.queue, QueueOffset(receipt.queueOffset))
        self.recorder.record(
            .sendEnded(
                id, .acknowledged, status: "SEND_OK", position,
                to: self.addresses.take(receipt.messageID)))
    }

    private func failed(_ id: ValueID, _ error: any Error) {
        let error = error as? ApusClientError
        self.recorder.record(
            .sendEnded(
                id, error?.mayHaveBeenStored ?? true ? .unknown : .failed,
                status: error.map { "\($0)" } ?? "failed", nil))
    }
}

extension FeatureSender {
    private func sendInTransaction(_ message: Message, _ id: ValueID) async {
        let commits = Lot.commits(id)
        let isLeftOpen = Lot.isLeftOpen(id)
        self.recorder.record(.wished(id, .transaction(commits: commits, isLeftOpen: isLeftOpen)))
        self.recorder.record(.sendStarted(id, topic: self.plan.topic))
        do {
            try await self.producer.sendInTransaction(message) { receipt in
                self.stored(id, receipt)
                if commits {
                    self.ledger.commit(id)
                    self.ledger.expect(id)
                }
                return isLeftOpen ? .unknown : commits ? .commit : .rollback
            }
        } catch {
            self.failed(id, error)
        }
    }
}

/// Remembers to whom each message was sent last.
private final class LastAddresses: SendInterceptor {
    private let addresses = Mutex<[String: String]>([:])

    func willSend(_ attempt: inout SendAttempt) {
        let (id, address) = (attempt.messageID, attempt.address)
        self.addresses.withLock { $0[id] = address }
    }

    func take(_ messageID: String) -> String? {
        self.addresses.withLock { $0.removeValue(forKey: messageID) }
    }
}

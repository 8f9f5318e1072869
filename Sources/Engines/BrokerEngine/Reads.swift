import DeliveryCore
import LogCore
package import MessageFormat
import RemotingProtocol

/// What goes on when a read that was asked of the shell comes back.
enum ReadContinuation: Sendable {
    case pull(PullJob)
    /// A portion of messages for a pull by an expression.
    case filter(PullJob)
    case view(Caller)
    case query(QueryJob)
    case searchOffset(SearchJob)
    case storeTime(Caller)
    case walk(IndexWalk)
    case fire(DueDelays)
    case roll
    case sendBack(SendBackJob)
    case replay(DeadLetterJob)
    case consumeDirectly(DirectConsumption)
    case pop(PopJob)
    case popDelivery(PopDelivery)
    case popReturn(PopReturnLot)
    case route(AssignmentJob)
    case recall(RecallJob)
    case listDelayed(DelayListJob)
    case half(HalfRead)
    case answerAgain(RepeatedSend)
}

/// Reads under way, by ticket.
struct PendingReads: Sendable {
    private var waiting: [Ticket: ReadContinuation] = [:]
    private var next: UInt64 = 0

    mutating func add(_ continuation: ReadContinuation) -> Ticket {
        self.next += 1
        let ticket = Ticket(value: self.next)
        self.waiting[ticket] = continuation
        return ticket
    }

    mutating func take(_ ticket: Ticket) -> ReadContinuation? {
        self.waiting.removeValue(forKey: ticket)
    }
}

/// Why the shell could not read what it was asked for.
package struct ReadFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package var reason: String

    package var description: String { self.reason }

    package init(reason: String) { self.reason = reason }
}

extension BrokerEngine {
    /// The segment whose index file names the message at an offset; nil when memory does.
    package func sealedSegment(of key: QueueKey, at offset: QueueOffset) -> PhysicalOffset? {
        guard case .file(let run)? = self.queues.queue(key)?.place(of: offset) else { return nil }
        return run.segment
    }

    /// Entries that were asked for by offset or by key.
    package mutating func entriesRead(
        _ ticket: Ticket, _ result: Result<[IndexEntry], ReadFailure>, at now: Now
    ) {
        self.now = now
        guard let continuation = self.reads.take(ticket) else { return }
        switch (continuation, result) {
        case (.pull(let job), .success(let entries)): self.resume(job, with: entries)
        case (.pop(let job), .success(let entries)): self.resume(job, with: entries)
        case (.query(let job), .success(let entries)): self.resume(job, found: entries)
        case (.recall(let job), .success(let entries)): self.recall(job, found: entries)
        case (.walk(var walk), .success(let entries)):
            walk.take(entries[...])
            self.walk(walk)
            if case .delays = walk.purpose { self.scanDelays() }
        case (.storeTime(let caller), .success(let entries)):
            self.answerStoreTime(caller, entries.first)
        case (_, .success): break
        case (let continuation, .failure(let failure)): self.fail(continuation, failure)
        }
    }

    /// The search for a time in a sealed segment has ended; nil: all its entries are older.
    package mutating func entryFound(
        _ ticket: Ticket, _ result: Result<QueueOffset?, ReadFailure>, at now: Now
    ) {
        self.now = now
        guard let continuation = self.reads.take(ticket) else { return }
        switch (continuation, result) {
        case (.searchOffset(let job), .success(let offset)): self.resume(job, found: offset)
        case (_, .success): break
        case (let continuation, .failure(let failure)): self.fail(continuation, failure)
        }
    }

    /// Messages that were asked for whole, checked by the shell.
    package mutating func messagesRead(
        _ ticket: Ticket, _ result: Result<[UInt8], ReadFailure>, at now: Now
    ) {
        self.now = now
        guard let continuation = self.reads.take(ticket) else { return }
        switch (continuation, result) {
        case (.view(let caller), .success(let bytes)): self.answerView(caller, bytes)
        case (.query(let job), .success(let bytes)): self.answerQuery(job, bytes)
        case (.filter(let job), .success(let bytes)): self.examined(job, bytes)
        case (.fire(let due), .success(let bytes)): self.fire(due, bytes)
        case (.roll, .success(let bytes)): self.putRolled(bytes)
        case (.sendBack(let job), .success(let bytes)): self.sendBack(job, bytes)
        case (.replay(let job), .success(let bytes)): self.replay(job, bytes)
        case (.consumeDirectly(let job), .success(let bytes)): self.consumeDirectly(job, bytes)
        case (.pop(let job), .success(let bytes)): self.examined(job, bytes)
        case (.popDelivery(let delivery), .success(let bytes)): self.deliver(delivery, bytes)
        case (.popReturn(let lot), .success(let bytes)): self.putBack(lot, bytes)
        case (.recall(let job), .success(let bytes)): self.recall(job, bytes)
        case (.listDelayed(let job), .success(let bytes)): self.answerDelayed(job, bytes)
        case (.half(let read), .success(let bytes)): self.resume(read, bytes)
        case (.answerAgain(let send), .success(let bytes)): self.answerAgain(send, bytes)
        case (_, .success): break
        case (let continuation, .failure(let failure)): self.fail(continuation, failure)
        }
    }

    private mutating func fail(_ continuation: ReadContinuation, _ failure: ReadFailure) {
        let caller: Caller
        switch continuation {
        case .pull(let job), .filter(let job): caller = job.caller
        case .view(let asking), .storeTime(let asking): caller = asking
        case .query(let job): caller = job.caller
        case .searchOffset(let job): caller = job.caller
        case .sendBack(let job): caller = job.caller
        case .replay(let job): caller = job.caller
        case .consumeDirectly(let job): caller = job.caller
        case .popDelivery(let delivery): caller = delivery.ask.caller
        case .route(let job): caller = job.caller
        case .pop(let job): return self.readFailed(job)
        case .popReturn: return  // in flight still: tried again in a while
        case .recall(let job): caller = job.caller
        case .listDelayed(let job): caller = job.caller
        case .walk(let walk): return self.walkFailed(walk)
        case .half(let read): return self.fail(read, failure)
        case .answerAgain(let send): return self.answerAgain(send)
        case .fire: return self.delivery.delays.giveBack()
        case .roll: return self.delivery.delays.abandonRoll()
        }
        self.refuse(caller, Refusal(.systemError, failure.reason))
    }
}

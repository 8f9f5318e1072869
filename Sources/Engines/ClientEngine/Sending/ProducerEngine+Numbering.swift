import ClientCore
import DequeModule
import HeapModule
import MessageFormat

// Numbers by which brokers recognize what they have stored already.
extension ProducerEngine {
    private func window(
        of send: OutgoingSend
    ) -> WritableKeyPath<ProducerEngine, IdempotentWindow?>? {
        guard !send.isOneWay else { return nil }
        switch send.kind {
        case .plain: return self.numbers == nil ? nil : \.numbers
        case .delayed: return self.numbers == nil ? nil : \.hiddenNumbers
        case .half: return self.hiddenNumbers == nil ? nil : \.hiddenNumbers
        case .reply: return nil
        }
    }

    /// Under which name the window knows the send: its first message's.
    private static func name(of send: OutgoingSend) -> String {
        send.messages.first?.uniqueKey ?? ""
    }

    enum Number {
        case leaves(IdempotentStamps?)
        case mustWait
        case impossible(AttemptFailure)
    }

    /// Where a message that may be stored already must go.
    func place(
        bound send: OutgoingSend, route: [MessageQueue], at now: Tick
    ) -> IdempotentWindow.Next {
        guard let window = self.window(of: send) else { return .anywhere }
        return self[keyPath: window]?.next(for: Self.name(of: send), route: route, at: now)
            ?? .anywhere
    }

    mutating func number(_ send: OutgoingSend, on queue: MessageQueue, at now: Tick) -> Number {
        guard let window = self.window(of: send) else { return .leaves(nil) }
        let name = Self.name(of: send)
        // Nobody overtakes who waits; only a repetition has its number already.
        let isBound =
            self[keyPath: window]?.next(for: name, route: [queue], at: now) == .only(queue)
        guard isBound || self.lines[queue] == nil else { return .mustWait }
        do throws(IdempotentRefusal) {
            let stamps = try self[keyPath: window]?.attempt(
                name, count: send.messages.count, on: queue, at: now)
            return .leaves(stamps)
        } catch {
            if error.isTemporary { return .mustWait }
            return .impossible(AttemptFailure(.local, reason: "\(error)"))
        }
    }

    mutating func notNumbered(_ id: SendID, _ number: Number, on queue: MessageQueue) {
        guard let pending = self.sends[id] else { return }
        switch number {
        case .leaves: break
        case .impossible(let failure): self.fail(id, .attempt(failure), at: pending.startedAt)
        case .mustWait:
            self.sends[id]?.phase = .lined
            self.lines[queue, default: []].append(id)
            if case .lined = pending.phase { break }  // its alarm is set
            self.alarms.insert(SendAlarm(at: pending.deadline, id: id))
        }
    }

    mutating func numberEnded(
        _ send: OutgoingSend, on queue: MessageQueue, _ outcome: AttemptOutcome
    ) {
        guard let window = self.window(of: send) else { return }
        self[keyPath: window]?.ended(Self.name(of: send), outcome)
        if self.lines[queue] != nil { self.freed.insert(queue) }
    }

    mutating func numberGivenUp(_ send: OutgoingSend) {
        guard let window = self.window(of: send) else { return }
        self[keyPath: window]?.gaveUp(Self.name(of: send))
        self.freed.formUnion(self.lines.keys)
    }

    /// Who waited longest goes first; the line stops at the first that must wait on.
    mutating func moveLines(at now: Tick) {
        while let queue = self.freed.min() {
            self.freed.remove(queue)
            guard let line = self.lines.removeValue(forKey: queue) else { continue }
            var rest = line
            while let id = rest.popFirst() {
                guard case .lined? = self.sends[id]?.phase else { continue }
                self.place(id, at: now)
                guard self.lines[queue]?.last == id else { continue }
                self.lines[queue] = [id] + rest
                break
            }
        }
    }
}

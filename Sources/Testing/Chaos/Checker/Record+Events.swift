internal import MessageFormat

extension Record {
    /// Takes the next event of the history.
    mutating func observe(_ event: HistoryEvent) {
        let at = event.at.nanoseconds
        self.firstAt = min(self.firstAt ?? at, at)
        self.lastAt = max(self.lastAt, at)
        self.lives?.observe(event)
        switch event.kind {
        case .sendStarted(let id, _):
            self.attempts[self.attempt(id)].sentAt = at
        case .sendEnded(let id, let outcome, let status, let position, let address):
            self.sendEnded(id, outcome, status: status, position, to: address, at: at)
        case .received(let reception):
            self.received(reception, at: at)
        case .ackStarted(let member, let position):
            self.uncertainAcks.insert(self.ackKey(member, position))
        case .ackEnded(let member, let position, let isCertain):
            if isCertain { self.uncertainAcks.remove(self.ackKey(member, position)) }
        case .committed(let group, let position):
            self.commits.append((self.groups.index(of: group), self.place(position)))
        case .assigned(let member, _):
            self.changed(member, at: at, isDeparture: false)
        case .left(let member):
            self.changed(member, at: at, isDeparture: true)
        case .faultBegan(let fault):
            self.faults.append(FaultWindow(fault: fault, beganAt: at))
        case .faultEnded(let fault, let proof):
            self.faultEnded(fault, proof: proof, at: at)
        case .elected(let election):
            self.elections.append(SeenElection(election: election, at: at))
        case .drained(let position, let content):
            self.drained(position, content, at: at)
        case .drainEnded(let queue, let min, let max):
            let range = min.value..<Swift.max(min.value, max.value)
            self.drainedRanges[self.queues.index(of: queue)] = range
        case .repeated: self.repeated += 1
        case .wished, .treated, .asked, .buried, .replayed: break
        }
    }

    private mutating func sendEnded(
        _ id: ValueID, _ outcome: SendOutcome, status: String, _ position: QueuePosition?,
        to address: String?, at: Int64
    ) {
        let index = self.attempt(id)
        self.attempts[index].answeredAt = at
        self.attempts[index].outcome = outcome
        self.attempts[index].status = self.statuses.index(of: status)
        self.attempts[index].place = position.map { self.place($0) }
        self.attempts[index].broker = address.map { self.brokers.index(of: $0) } ?? -1
    }

    private mutating func received(_ reception: Reception, at: Int64) {
        let consumer = self.consumers.index(of: reception.member.consumer)
        let reader = "consumer \(reception.member.consumer)"
        self.deliveries.append(
            Delivery(
                at: at, place: self.place(reception.position),
                identity: self.identity(
                    reception.content, at: at, reception.position, reader: reader),
                group: self.groups.index(of: reception.member.group), consumer: consumer,
                session: self.sessions[consumer] ?? 0, isRetry: reception.reconsumeTimes > 0))
    }

    private mutating func drained(_ position: QueuePosition, _ content: MessageContent, at: Int64) {
        let place = self.place(position)
        let identity = self.identity(content, at: at, position, reader: "the final read")
        self.drained.append(Drained(place: place, identity: identity))
        if identity >= 0, self.attempts[Int(identity)].foundAt == nil {
            self.attempts[Int(identity)].foundAt = place
        }
    }

    private mutating func changed(_ member: Member, at: Int64, isDeparture: Bool) {
        let consumer = self.consumers.index(of: member.consumer)
        self.sessions[consumer, default: 0] += 1
        self.groupChanges.append(
            GroupChange(
                at: at, group: self.groups.index(of: member.group), consumer: consumer,
                isDeparture: isDeparture))
    }

    private mutating func faultEnded(_ fault: Fault, proof: String, at: Int64) {
        let open = self.faults.lastIndex { $0.fault == fault && $0.endedAt == nil }
        guard let open else { return }
        self.faults[open].endedAt = at
        self.faults[open].proof = proof
    }

    private mutating func identity(
        _ content: MessageContent, at: Int64, _ position: QueuePosition, reader: String
    ) -> Identity {
        switch content {
        case .value(let id): return Identity(self.attempt(id))
        case .foreign(let checksum): return -1 - Identity(checksum)
        case .corrupt(let checksum, let problem):
            self.corruptions.append((at, position, reader, problem))
            return -1 - Identity(checksum)
        }
    }

    private mutating func place(_ position: QueuePosition) -> Place {
        Place(queue: self.queues.index(of: position.queue), offset: position.offset.value)
    }

    private mutating func ackKey(_ member: Member, _ position: QueuePosition) -> AckKey {
        AckKey(
            group: self.groups.index(of: member.group),
            consumer: self.consumers.index(of: member.consumer), place: self.place(position))
    }
}

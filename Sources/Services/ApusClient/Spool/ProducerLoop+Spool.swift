import ClientCore
import ClientEngine
import Logging
import MessageFormat
import Synchronization

// From the user to a broker or to disk, and from disk to a broker.
extension ProducerLoop {
    func openSpool() { self.job(.open) }

    /// When it returns, another producer can open the directory.
    func closeSpool() async { await self.spoolFiles?.close() }

    private func job(_ job: SpoolFiles.Job) {
        self.spoolFiles?.post(job) { [weak self] in self?.post(.spool($0)) }
    }

    func sendOrSpool(
        _ id: SendID, _ send: OutgoingSend, deadline: Duration?, _ state: inout State, at now: Now
    ) {
        if state.spool?.isOpening == true {
            state.spool?.held.append(SpoolDesk.Held(id: id, send: send, deadline: deadline))
            return
        }
        var isDirect = true
        var admissions: [SpoolPlanner.Admission] = []
        for _ in send.messages {
            guard let admitted = state.spool?.planner?.admit(topic: send.topic, at: now.tick)
            else { break }
            admissions.append(admitted.admission)
            isDirect = admitted.isDirect
        }
        guard isDirect else {
            return self.keep(id, send, admissions, failure: nil, &state, at: now)
        }
        state.spool?.directs[id] = SpoolDesk.Direct(send: send, admissions: admissions)
        state.engine.send(send, as: id, deadline: deadline, at: now.tick)
    }

    /// Whether the spool takes care of a send that ended.
    func spoolTakes(
        _ id: SendID, _ result: SendResult, _ state: inout State, at now: Now
    ) -> Bool {
        guard state.spool != nil else { return false }
        if let admission = state.spool?.draining.removeValue(forKey: id) {
            let outcome = result.outcome ?? .acknowledged
            let effects = state.spool?.planner?.drained(admission, outcome, at: now.tick)
            self.perform(effects ?? [], &state, at: now)
            return true
        }
        guard let direct = state.spool?.directs.removeValue(forKey: id) else { return false }
        if case .failed(let failure) = result, let outcome = result.outcome,
            SpoolRule.keeps(outcome, state.engine.policy)
        {
            self.keep(id, direct.send, direct.admissions, failure: failure, &state, at: now)
            return true
        }
        for admission in direct.admissions {
            let effects = state.spool?.planner?.directEnded(admission, at: now.tick)
            self.perform(effects ?? [], &state, at: now)
        }
        return false
    }

    private func keep(
        _ id: SendID, _ send: OutgoingSend, _ admissions: [SpoolPlanner.Admission],
        failure: SendFailure?, _ state: inout State, at now: Now
    ) {
        state.spool?.keeping[id.value] = SpoolDesk.Keeping(
            id: id, topic: send.topic, left: admissions.count, failure: failure)
        for admission in admissions { state.spool?.keepingOf[admission] = id.value }
        for (message, admission) in zip(send.messages, admissions) {
            let spooled = SpooledMessage(
                message, of: send, sequence: admission.sequence, at: now.wall)
            let effects = state.spool?.planner?.spool(spooled, at: now.tick)
            self.perform(effects ?? [], &state, at: now)
        }
    }

    func advanceSpool(_ state: inout State, at now: Now) {
        let effects = state.spool?.planner?.advance(to: now.tick)
        self.perform(effects ?? [], &state, at: now)
    }
}

// What the planner wants.
extension ProducerLoop {
    private func perform(
        _ effects: [SpoolPlanner.Effect], _ state: inout State, at now: Now
    ) {
        for effect in effects {
            switch effect {
            case .append(let write, let segment, let position, let bytes):
                self.job(
                    .append(write: write, segment: segment, position: position, bytes: bytes))
            case .accepted(let admission): self.kept(admission, nil, &state)
            case .refused(let admission, let refusal): self.kept(admission, refusal, &state)
            case .send(let admission, let place): self.job(.read(admission, place))
            case .setAside(let admission, let place, let failure):
                self.connection.configuration.logger.error(
                    "no broker takes a spooled message: it is set aside",
                    metadata: ["topic": "\(admission.topic)", "reason": "\(failure.reason)"])
                self.job(.setAside(admission, place))
            case .remove(let segment): self.job(.remove(segment: segment))
            case .quarantine(let segment): self.job(.quarantine(segment: segment))
            }
        }
        self.tellProgress(state)
    }

    private func kept(
        _ admission: SpoolPlanner.Admission, _ refusal: SpoolRefusal?, _ state: inout State
    ) {
        guard let key = state.spool?.keepingOf.removeValue(forKey: admission),
            var keeping = state.spool?.keeping[key]
        else { return }
        keeping.left -= 1
        keeping.refusal = keeping.refusal ?? refusal
        state.spool?.keeping[key] = keeping.left > 0 ? keeping : nil
        guard keeping.left == 0, let ticket = state.tickets.removeValue(forKey: keeping.id)
        else { return }
        guard let refusal = keeping.refusal else {
            return self.finish(
                ticket,
                .success(
                    ticket.spooledReceipts(
                        topic: self.connection.namespace.bare(keeping.topic))), &state)
        }
        self.finish(
            ticket,
            .failure(ApusClientError(refusal, topic: keeping.topic, after: keeping.failure)),
            &state)
    }

    func apply(_ event: SpoolEvent, to state: inout State, at now: Now) {
        switch event {
        case .opened(.success(let images)):
            state.spool?.opened(images, at: now.tick)
            self.releaseHeld(&state, at: now)
            self.advanceSpool(&state, at: now)
        case .opened(.failure(let error)):
            self.connection.configuration.logger.error(
                "the spool cannot be opened: nothing is kept", metadata: ["error": "\(error)"])
            state.spool?.problem = "\(error)"
            self.tellProgress(state)
            self.releaseHeld(&state, at: now)
        case .written(let writes):
            for write in writes {
                let effects = state.spool?.planner?.written(write, at: now.tick)
                self.perform(effects ?? [], &state, at: now)
            }
        case .writeFailed(let writes, _):
            for write in writes {
                let effects = state.spool?.planner?.writeFailed(write, at: now.tick)
                self.perform(effects ?? [], &state, at: now)
            }
        case .read(let admission, let message):
            self.drain(admission, message, &state, at: now)
        case .wasSetAside(let admission, let isStored):
            let effects = state.spool?.planner?
                .wasSetAside(admission, isStored: isStored, at: now.tick)
            self.perform(effects ?? [], &state, at: now)
        }
    }

    private func drain(
        _ admission: SpoolPlanner.Admission, _ message: SpooledMessage?, _ state: inout State,
        at now: Now
    ) {
        guard state.spool?.isClosed == false else { return }
        guard let message, let id = state.spool?.nextID() else {
            let effects = state.spool?.planner?.unreadable(admission, at: now.tick)
            return self.perform(effects ?? [], &state, at: now)
        }
        state.spool?.draining[id] = admission
        state.engine.send(message.send, as: id, at: now.tick)
    }

    private func releaseHeld(_ state: inout State, at now: Now) {
        guard let held = state.spool?.held else { return }
        state.spool?.held = []
        for send in held {
            if state.spool?.wants(send.send) == true {
                self.sendOrSpool(send.id, send.send, deadline: send.deadline, &state, at: now)
            } else {
                state.engine.send(send.send, as: send.id, deadline: send.deadline, at: now.tick)
            }
        }
    }

    private func tellProgress(_ state: State) {
        guard let progress = state.spool?.progress else { return }
        self.lastSpoolProgress.withLock { $0 = progress }
    }

    var spoolProgress: SpoolProgress? {
        self.spoolFiles.map { _ in self.lastSpoolProgress.withLock { $0 } }
    }
}

extension ApusClientError {
    fileprivate init(_ refusal: SpoolRefusal, topic: String, after failure: SendFailure?) {
        if let failure {
            self.init(failure)
            self.message += "; the spool cannot keep it: \(refusal)"
        } else {
            self.init(
                .busy,
                "sending to topic \(topic) failed: earlier messages are spooled, and the spool "
                    + "cannot keep this one: \(refusal)")
        }
    }
}

import MessageFormat

/// The state machine that Raft drives: every broker group's ids, master and SyncStateSet.
///
/// Deterministic: the same commands in the same order give the same state and outcomes on every
/// controller. What only one controller knows (who is alive, how far a log reaches) comes inside
/// the commands.
package struct ControllerState: Hashable, Sendable {
    package internal(set) var groups: [String: GroupState] = [:]
    /// Where controllers that were added while the group ran answer requests, by their names.
    package internal(set) var controllers: [String: String] = [:]

    package init() {}

    /// Carries out a committed command. A refused one changes nothing.
    package mutating func apply(_ command: ControllerCommand) -> ControllerOutcome {
        do throws(ControllerRefusal) {
            switch command {
            case .applyBrokerID(let claim): try self.applyBrokerID(claim)
            case .registerBroker(let registration): try self.register(registration)
            case .alterSyncStateSet(let alteration): try self.alter(alteration)
            case .elect(let election): try self.elect(election)
            case .clean(let cleaning): try self.clean(cleaning)
            case .noteConfirmed(let note): try self.note(note)
            case .setController(let id, let address): try self.setController(id, address)
            case .forgetFounder(let founder): try self.forget(founder)
            }
            return .accepted
        } catch {
            return .refused(error)
        }
    }

    /// The state of a group, or the refusal that names it.
    package func group(_ name: String) throws(ControllerRefusal) -> GroupState {
        guard let group = self.groups[name] else { throw .unknownGroup(name) }
        return group
    }

    private mutating func setController(
        _ id: String, _ address: String?
    ) throws(ControllerRefusal) {
        guard !id.isEmpty, ControllerLimits.problem(withName: id) == nil else {
            throw .badController("a controller's name has 1 to 255 letters, digits, _ or -")
        }
        if let address {
            if let problem = ControllerLimits.problem(withAddress: address) {
                throw .badController(problem)
            }
            guard
                self.controllers[id] != nil
                    || self.controllers.count < ControllerLimits.controllersMax
            else {
                throw .badController(
                    "there are \(ControllerLimits.controllersMax) controllers already")
            }
        }
        self.controllers[id] = address
    }

    private mutating func note(
        _ note: ControllerCommand.NoteConfirmed
    ) throws(ControllerRefusal) {
        var group = try self.group(note.group)
        guard note.masterEpoch == group.masterEpoch else {
            throw .staleMasterEpoch(claimed: note.masterEpoch, current: group.masterEpoch)
        }
        group.confirmed = max(group.confirmed, note.confirmed)
        self.groups[note.group] = group
    }
}

/// What became of a command.
package enum ControllerOutcome: Hashable, Sendable {
    case accepted
    case refused(ControllerRefusal)
}

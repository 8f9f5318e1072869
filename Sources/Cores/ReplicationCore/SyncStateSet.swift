/// The replicas that hold everything that was ever confirmed, as the controllers committed it, and
/// the changes of it that may yet take effect.
///
/// A proposal that was sent may be committed at any time before its answer arrives, and whoever is
/// in the committed set may be elected. So the master confirms only what the committed set *and*
/// every set it may have become hold, until it knows.
package struct SyncStateSet: Hashable, Sendable {
    /// Broker ids, ascending.
    package private(set) var members: [Int64]
    /// Counts the committed changes; a proposal names the one it was computed from.
    package private(set) var epoch: Int32
    /// Proposals computed from `epoch` that were not refused for good.
    private var possible: [[Int64]] = []
    /// Those of them that stayed without an answer: a copy may still be on its way, whatever becomes
    /// of another one.
    private var unanswered: [[Int64]] = []

    package init(members: [Int64], epoch: Int32) {
        self.members = members.sorted()
        self.epoch = epoch
    }

    /// Everybody who may be in the set that the controllers have committed. Ascending.
    package var required: [Int64] {
        guard !self.possible.isEmpty else { return self.members }
        return self.possible.reduce(into: Set(self.members)) { $0.formUnion($1) }.sorted()
    }

    /// This set is asked for from now on.
    package mutating func proposed(_ members: [Int64]) {
        let sorted = members.sorted()
        if !self.possible.contains(sorted) { self.possible.append(sorted) }
    }

    /// The controllers refused the proposal for good.
    package mutating func refused(_ members: [Int64]) {
        let sorted = members.sorted()
        guard !self.unanswered.contains(sorted) else { return }
        self.possible.removeAll { $0 == sorted }
    }

    /// Nobody knows what became of the proposal, until another set is committed.
    package mutating func unanswered(_ members: [Int64]) {
        let sorted = members.sorted()
        if !self.unanswered.contains(sorted) { self.unanswered.append(sorted) }
    }

    /// More than the committed set counts, and only another commit ends that.
    package var isUnsure: Bool { !self.unanswered.isEmpty }

    /// The controllers committed this set. What was computed from an older one cannot be any more.
    ///
    /// Returns whether it is news.
    package mutating func committed(_ members: [Int64], epoch: Int32) -> Bool {
        guard epoch > self.epoch else { return false }
        self = SyncStateSet(members: members, epoch: epoch)
        return true
    }
}

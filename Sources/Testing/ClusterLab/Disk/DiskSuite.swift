/// What a broker's disk may do to it, and what the broker must make of it.
package enum DiskSuite: String, CaseIterable, Hashable, Codable, Sendable {
    case powerCut = "power-cut"
    case snapshots
    case systemCalls = "system-calls"
    case errors
    case full
    case damage
    case group

    package var summary: String {
        switch self {
        case .powerCut:
            "the power fails while it is sent to, or starts: all that was not flushed is gone"
        case .snapshots: "copies of the disk of a running broker, each recovered by another one"
        case .systemCalls: "it dies, or the power fails, at every single call that changes its disk"
        case .errors: "calls fail, do half, do nothing, write elsewhere, lie, are slow or hang"
        case .full: "no space or no inodes for a while, and a restart meanwhile"
        case .damage: "flipped, zeroed and missing bytes in every kind of file of a stopped broker"
        case .group: "all of that to one broker of a group of three, to a replica and to the master"
        }
    }

    /// How often, unless somebody asks for something else; nil: as often as there are cases.
    var times: Int? {
        switch self {
        case .powerCut: 200
        case .snapshots: 1_000
        case .systemCalls, .errors, .full, .damage, .group: nil
        }
    }

    /// The form for every day: some of everything.
    var timesInShort: Int? {
        switch self {
        case .powerCut: 8
        case .snapshots: 10
        case .systemCalls: 6
        case .errors: 5
        case .full: 1
        case .damage: 8
        case .group: nil
        }
    }

    /// Why it cannot be run on this machine; nil if it can.
    package func obstacle() -> String? {
        switch self {
        case .powerCut: DiskImage.obstacle([.ext4, .xfs])
        case .snapshots: DiskImage.obstacle([.ext4, .reflink])
        case .systemCalls, .errors, .group: PreloadLibrary.obstacle() ?? DiskImage.obstacle([.ext4])
        case .full: SmallDisk.obstacle()
        case .damage: nil
        }
    }
}

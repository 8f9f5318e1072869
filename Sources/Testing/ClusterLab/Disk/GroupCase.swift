import Glibc

/// Something that happens to the disk of one broker of a group, while the others are well.
struct GroupCase: Sendable {
    enum Strike: Sendable {
        case powerCut
        case fault(DiskFault, thenPowerCut: Bool = false)
        /// No room for so long.
        case full
        /// `isLive`: on the master, while it runs; else, and on a replica, while it is stopped.
        case damage(DamageCase, isLive: Bool)
        /// The power fails while the damage is mended.
        case cutMending(DamageCase, DiskFault)
    }

    var name: String
    var strike: Strike
    /// How long the fault lasts.
    var lasts: Duration = .seconds(1)
    /// Nobody notices before somebody reads those bytes, or the broker starts again.
    var isSilent = false
    /// Whose disk it is in the form for every day.
    var inShort: GroupRole?

    static var all: [GroupCase] { self.full + self.faults + self.damages + self.mending }

    private static var full: [GroupCase] {
        [GroupCase(name: "no space", strike: .full, lasts: .seconds(10))]
    }

    // MARK: Faults of a running broker's disk

    private static let segment = "/commitlog/0"

    private static var faults: [GroupCase] {
        func batch(_ action: DiskFault.Action, times: Int = 0) -> Strike {
            .fault(
                DiskFault(
                    calls: .write, action: action, error: EIO, part: self.segment, start: "APB1",
                    from: 5, times: times))
        }
        func flush(_ action: DiskFault.Action, times: Int = 0, delay: Duration = .zero) -> DiskFault
        {
            DiskFault(
                calls: .flush, action: action, error: EIO, part: self.segment, from: 3,
                times: times, delay: delay)
        }
        let all = DiskFault(calls: [.flush, .flushDirectory], action: .lose)
        let checkpoint = DiskFault(
            calls: [.create, .write, .flush, .rename], action: .fail, error: EIO, part: "/confirmed"
        )
        return [
            GroupCase(name: "power cut", strike: .powerCut, inShort: .master),
            GroupCase(name: "flushes fail (EIO)", strike: .fault(flush(.fail)), inShort: .replica),
            GroupCase(name: "writes fail (EIO)", strike: batch(.fail)),
            GroupCase(name: "half written, then EIO", strike: batch(.halfThenFail, times: 1)),
            GroupCase(name: "short writes", strike: batch(.short)),
            GroupCase(
                name: "a write is lost", strike: batch(.lose, times: 1), isSilent: true),
            GroupCase(
                name: "a write goes elsewhere", strike: batch(.misdirect, times: 1), isSilent: true),
            GroupCase(
                name: "a bit flips on the way", strike: batch(.flip, times: 1), isSilent: true),
            GroupCase(
                name: "flushes lie, then a power cut", strike: .fault(all, thenPowerCut: true)),
            GroupCase(
                name: "flushes are slow (0.2 s)",
                strike: .fault(flush(.delay, delay: .milliseconds(200))), lasts: .seconds(2)),
            GroupCase(
                name: "a flush hangs (5 s)", strike: .fault(flush(.hang, times: 1)),
                lasts: .seconds(5)),
            GroupCase(
                name: "the checkpoint cannot be written (EIO)", strike: .fault(checkpoint),
                lasts: .seconds(2)),
        ]
    }

    // MARK: Bytes that change

    private static var damages: [GroupCase] {
        let segments = DamageCase.all(segmentBytes: DiskGroup.segmentBytes)
        let full = [
            "a bit of a header in the middle", "a bit of a message in the middle",
            "a bit of the last message", "zeroes in the middle", "a batch copied over another",
            "cut in the middle", "deleted",
        ]
        let last = [
            "a bit of a message in the middle", "a bit of the last message",
            "zeroes in the middle", "zeroes over the last batch", "cut in the middle", "deleted",
        ]
        let index = ["a bit of an entry", "zeroes in the middle", "cut in half", "deleted"]
        return self.pick(full, of: .sealedSegment, from: segments)
            + self.pick(last, of: .activeSegment, from: segments)
            + self.pick(index, of: .index, from: segments)
            + ["log-identity", "brokerIdentity", "syncStateSet", "confirmed"].flatMap(self.small)
            + self.small("brokerCheckCode").filter { $0.name.hasSuffix("deleted") }
    }

    private static var mending: [GroupCase] {
        let damage = DamageCase.all(segmentBytes: DiskGroup.segmentBytes).last {
            $0.kind == .sealedSegment && $0.what.hasPrefix("zeroes in the middle")
        }
        let places: [(DiskFault.Calls, String, String)] = [
            (.write, "33554432.tmp", "copied"), (.rename, "33554432", "put in place"),
            (.flushDirectory, "/commitlog", "made to stay"),
        ]
        return places.compactMap { calls, part, name in
            damage.map {
                let cut = DiskFault(calls: calls, action: .cutPower, part: part, from: 1, times: 1)
                return GroupCase(
                    name: "power cut while a mended segment is \(name)",
                    strike: .cutMending($0, cut))
            }
        }
    }

    private static func pick(
        _ names: [String], of kind: DamageCase.Kind, from all: [DamageCase]
    ) -> [GroupCase] {
        names.compactMap { name in
            all.last { $0.kind == kind && $0.what.hasPrefix(name) }.map { found in
                var damage = found
                damage.what = name
                return GroupCase(
                    name: damage.name,
                    // A file that is cut while it is written to only grows again.
                    strike: .damage(damage, isLive: !name.hasPrefix("cut") && name != "deleted"),
                    inShort: kind == .sealedSegment && name == "zeroes in the middle"
                        ? .replica : nil)
            }
        }
    }

    private static func small(_ file: String) -> [GroupCase] {
        func make(
            _ what: String, _ damage: @escaping @Sendable (StoreFile) throws -> Void
        ) -> GroupCase {
            let damage = DamageCase(kind: .identity, what: what, file: file, damage: damage)
            return GroupCase(name: "\(file): \(what)", strike: .damage(damage, isLive: false))
        }
        return [
            make("a bit in the middle") { try $0.flip(at: $0.bytes / 2) },
            make("a bit of the last byte") { try $0.flip(at: $0.bytes - 1, mask: 1) },
            make("zeroed") { try $0.overwrite(0..<$0.bytes, with: 0) },
            make("cut to nothing") { try $0.truncate(to: 0) },
            make("deleted") { try $0.delete() },
        ]
    }
}

import Chaos

extension Stage {
    private static let day = 86_400_000
    private static let twoHours = 7_200_000

    /// The wall clocks of a master and of the controllers' leader jump a day ahead, then two hours
    /// behind the truth, then back to it.
    func clockJump(of group: String) throws {
        let nodes = try [self.master(of: group), self.leader()]
        try self.nemesis.during(
            Fault(name: "clock-jump", target: nodes.map(\.name).joined(separator: "+"))
        ) {
            var jumps = 0
            for milliseconds in [Self.day, -Self.twoHours, 0] {
                for node in nodes {
                    if try WallClock(of: node).move(milliseconds: milliseconds) { jumps += 1 }
                    self.tell("\(node.name)'s wall clock is off by \(milliseconds / 1_000) s")
                }
                try self.hold(.seconds(3))
            }
            return jumps == 6 ? "both processes were seen to read three new times" : ""
        }
        try self.awaitWhole()
    }
}

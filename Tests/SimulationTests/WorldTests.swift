import MessageFormat
import Testing

@testable import Simulation

@Suite("Time and chance of a simulated world")
struct WorldTests {
    @Test("events come by time, and at the same time in the order of their planning")
    func order() {
        let world = World(seed: 1)
        var seen: [String] = []
        world.after(.milliseconds(2)) { seen.append("late") }
        world.after(.milliseconds(1)) { seen.append("first") }
        world.after(.milliseconds(1)) {
            seen.append("second")
            world.after(.zero) { seen.append("third") }
        }
        world.run(until: 1_000_000)
        #expect(seen == ["first", "second", "third"])
        world.run(until: 5_000_000)
        #expect(seen.last == "late")
        #expect(world.time == 5_000_000)
    }

    @Test("many events come in order, however they were planned")
    func heap() {
        let world = World(seed: 2)
        var times: [Int64] = []
        for _ in 0..<500 {
            world.at(Int64(world.random.below(1_000))) { times.append(world.time) }
        }
        world.run(until: 1_000)
        #expect(times.count == 500)
        #expect(times == times.sorted())
    }

    @Test("the generator is xoshiro256**, seeded by SplitMix64: the same numbers for ever")
    func generator() {
        var random = SeededGenerator(seed: 0)
        #expect(random.next() == 0x99EC_5F36_CB75_F2B4)
        #expect(random.next() == 0xBF6E_1F78_4956_452A)
        #expect((0..<1_000).allSatisfy { _ in random.below(3) < 3 })
    }

    @Test("a process that was paused finds everything that came meanwhile, in its order")
    func pause() {
        let world = World(seed: 3)
        let machine = Machine(name: "m", host: "10.0.0.1", world: world)
        var seen: [Int] = []
        machine.start {}
        machine.after(.milliseconds(1)) { seen.append(1) }
        machine.after(.milliseconds(2)) { seen.append(2) }
        machine.pause()
        world.run(until: 10_000_000)
        #expect(seen == [])
        machine.resume()
        #expect(seen == [1, 2])
    }

    @Test("what was planned for a process that has ended never happens")
    func lives() {
        let world = World(seed: 4)
        let machine = Machine(name: "m", host: "10.0.0.1", world: world)
        var seen: [Int] = []
        machine.start {}
        machine.after(.milliseconds(1)) { seen.append(1) }
        machine.stop(losingPower: false)
        machine.start {}
        machine.after(.milliseconds(1)) { seen.append(2) }
        world.run(until: 10_000_000)
        #expect(seen == [2])
    }

    @Test("a clock that drifts shortens its own timers, a jump moves the wall clock only")
    func clocks() {
        var clock = VirtualClock()
        clock.drift(ppm: 10_000, at: 1_000_000_000)
        #expect(clock.now(at: 2_000_000_000).tick.nanoseconds == 2_010_000_000)
        #expect(clock.real(.seconds(1)) == 990_000_000)
        let before = clock.now(at: 2_000_000_000)
        clock.jump(byMilliseconds: -5_000)
        let after = clock.now(at: 2_000_000_000)
        #expect(after.tick == before.tick)
        #expect(after.wall.milliseconds == before.wall.milliseconds - 5_000)
    }
}

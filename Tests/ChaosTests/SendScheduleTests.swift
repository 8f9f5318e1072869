import MessageFormat
import Testing

@testable import Chaos

@Suite("sends are handed out at a rate, up to a count or a time")
struct SendScheduleTests {
    private func schedule(_ change: (inout WorkloadPlan) -> Void) -> SendSchedule {
        var plan = WorkloadPlan(topic: "T", seed: 1)
        change(&plan)
        return SendSchedule(plan: plan, startingAt: .zero)
    }

    private func at(_ milliseconds: Int64) -> Tick { Tick(.milliseconds(milliseconds)) }

    @Test("up to a count")
    func count() {
        let schedule = self.schedule { $0.messagesMax = 2 }
        #expect(schedule.next(at: .zero) != nil)
        #expect(schedule.next(at: .zero) != nil)
        #expect(schedule.next(at: .zero) == nil)
    }

    @Test("until a time, and none that would be due after it")
    func duration() {
        let schedule = self.schedule {
            $0.duration = .milliseconds(25)
            $0.rate = 100
        }
        #expect((0..<3).map { _ in schedule.next(at: .zero) } == [at(0), at(10), at(20)])
        #expect(schedule.next(at: .zero) == nil)
        #expect(self.schedule { $0.duration = .milliseconds(25) }.next(at: self.at(25)) == nil)
    }

    @Test("a late wake-up is made up for, a long standstill is not")
    func lateness() {
        let schedule = self.schedule { $0.rate = 100 }
        #expect(schedule.next(at: .zero) == self.at(0))
        #expect(schedule.next(at: self.at(50)) == self.at(10))
        #expect(schedule.next(at: self.at(5_000)) == self.at(20))
        #expect(schedule.next(at: self.at(5_000)) == self.at(4_910))
    }
}
